"""What the golden numbers were made with: networks, codes and probes by rule, and upstream's own editing of them.

Upstream is csbhr/FFHQ-UV 223c129 with torchdiffeq 0.0.1, run on a CPU. A ``limit`` is the same sequence solved in
float64 to 1e-11. Every tensor is drawn from a stream of its name: ``draw``.
"""

from __future__ import annotations

import zlib
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.editing.flow_network import StyleFlow
from ffhq_uv.editing.slots import AGE, BALDNESS, BEARD, EXPRESSION, GENDER, GLASSES, PITCH, YAW

GOLDEN = np.load(Path(__file__).parent / "golden.npz")

WEIGHTS = {"A": (0.08, 0.25, 0.25), "B": (0.12, 0.1, 1.0)}
"""Of both sets: the scales of the products and of the attributes' part, and the variance of the norms."""
COLUMNS = np.array([1.0] * 12 + [0.03, 0.03, 1, 1, 0.03, 1])

SMILE = 0.35
LIGHT = (0.9, -0.05, 0.2, -0.1, 0.02, 0.03, -0.15, -0.02, -0.1)
NUMBERS = {
    GENDER: 1.0, GLASSES: 1.0, YAW: -17.3, PITCH: 4.2, BALDNESS: 0.1, BEARD: 0.6, AGE: 41.0, EXPRESSION: SMILE,
}  # fmt: skip


def draw(key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape))


def state(name: str) -> dict[str, Tensor]:
    """The state dict of a set of weights."""
    products, attributes, variance = WEIGHTS[name]
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in StyleFlow().state_dict().items()}
    return {key: torch.from_numpy(np.asarray(_by_rule(key, shape, products, attributes, variance), np.float32))
            for key, shape in shapes.items()}  # fmt: skip


def _by_rule(
    key: str, shape: tuple[int, ...], products: float, attributes: float, variance: float
) -> NDArray[np.float64]:
    if key.endswith((".step", "_num_evals")):
        return np.zeros(shape)
    drawn = draw(key, shape)
    if key.endswith("_layer.weight"):
        return products * drawn
    if key.endswith(("_hyper_bias.weight", "_hyper_gate.weight")):
        return attributes * drawn * COLUMNS
    if key.endswith("_hyper_gate.bias"):
        return 0.2 * drawn
    if key.endswith("running_var"):
        return variance * np.exp(0.3 * drawn)
    return np.asarray(0.1 * drawn + key.endswith("sqrt_end_time"))


@cache
def flow(name: str) -> StyleFlow:
    """The network with a set of weights."""
    with torch.device("meta"):
        network = StyleFlow()
    network.load_state_dict(state(name), assign=True)
    return network.requires_grad_(False)


def code() -> Tensor:
    """The synthetic code [1, 18, 512]."""
    return torch.from_numpy(np.float32(0.5 * draw("golden:w", (1, 18, 512))))


def attributes() -> Tensor:
    """Its attributes [1, 17]."""
    return torch.tensor([[*LIGHT, *NUMBERS.values()]])


def direction() -> Tensor:
    """Its direction of expression [512]."""
    drawn = draw("golden:direction", (1, 512))[0]
    return torch.from_numpy(np.float32(drawn / np.linalg.norm(drawn)))


def probe(_: str, solve: int) -> Tensor:
    return torch.from_numpy(np.float32(draw(f"probe:{solve}", (1, 18, 512))))[0]
