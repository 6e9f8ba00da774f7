"""A flow in StyleFlow's published format that edits the studio's codes exactly.

The studio's codes are linear: another yaw is another multiple of one direction. With all weights zero but those of the
last layer's attributes the velocity is P a, whatever the code; so decoding with other attributes moves it by P times
their change. That is what the published network does, too: to 1e-5, its edits do not depend on the code.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.studio.codes import WIDTH, step

LAST = 5
"""Of the six layers of the velocity, from 0."""
EPSILON = 1e-4
"""What the network adds to its variances: so much less than 1, and they scale nothing."""

EFFECTS: dict[int, dict[str, float]] = {
    11: {"yaw": 1.0},  # degrees
    12: {"pitch": -1.0},  # degrees; the face service counts upwards
    13: {"hairline": 1.5, "fringe": -1.0, "hair_volume": -0.5},  # no hair on the face any more
}
"""Of an attribute's slot, by how much each parameter of a person grows with it; those of the light are themselves."""


def flow_file() -> bytes:
    """``modellarge10k.pt``: a bare state dict of 42 entries."""
    effects = np.zeros((WIDTH, 18))  # the first column is the time's
    for coefficient in range(9):
        effects[:, 1 + coefficient] = step("light", coefficient)
    for slot, grown in EFFECTS.items():
        effects[:, 1 + slot] = sum(amount * step(name) for name, amount in grown.items())
    state: dict[str, torch.Tensor] = {}
    for norm in (0, 2):
        state |= {f"chain.{norm}.{name}": torch.zeros(WIDTH) for name in ("weight", "bias", "running_mean")}
        state |= {f"chain.{norm}.running_var": torch.full((WIDTH,), 1 - EPSILON), f"chain.{norm}.step": torch.zeros(1)}
    state |= {"chain.1.sqrt_end_time": torch.tensor(1.0), "chain.1.odefunc._num_evals": torch.tensor(0.0)}
    for layer in range(LAST + 1):
        name = f"chain.1.odefunc.diffeq.layers.{layer}"
        state |= {
            f"{name}._layer.weight": torch.zeros(WIDTH, WIDTH),
            f"{name}._layer.bias": torch.zeros(WIDTH),
            f"{name}._hyper_bias.weight": torch.zeros(WIDTH, 18),
            f"{name}._hyper_gate.weight": torch.zeros(WIDTH, 18),
            f"{name}._hyper_gate.bias": torch.zeros(WIDTH),
        }
    # Decoding goes against the velocity.
    state[f"chain.1.odefunc.diffeq.layers.{LAST}._hyper_bias.weight"] = torch.from_numpy(-effects.astype(np.float32))
    return _torch_bytes(state)


def direction_file() -> bytes:
    """``expression_direction.pt``: the unit direction of a growing smile, (1, 512)."""
    smile: NDArray[np.float64] = step("expression")
    return _torch_bytes(torch.from_numpy((smile / np.linalg.norm(smile)).astype(np.float32)[None]))


def _torch_bytes(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()
