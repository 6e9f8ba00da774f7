"""Published networks: exactly their weights, out of a file, and runs that give the same numbers each time."""

from ffhq_uv.networks.inference import BATCH, inference, portions, usable_device
from ffhq_uv.networks.layers import Precision, Residual, folded, quickened
from ffhq_uv.networks.weights import State, WeightsError, checked_state, read_state, with_weights

__all__ = [
    "BATCH",
    "Precision",
    "Residual",
    "State",
    "WeightsError",
    "checked_state",
    "folded",
    "inference",
    "portions",
    "quickened",
    "read_state",
    "usable_device",
    "with_weights",
]
