"""Winograd's convolutions in C++ (Lavin and Gray 2016): 1/4 of the multiplications, of stride 2 25/36, or 121/225.

Every tile of the output is a transform of the products of a transformed kernel and a transformed tile of the input.
`winograd.cpp` has the transforms of inputs and outputs; here are the kernels'. The points, 0, ±3/4, ±3/2 and infinity,
make half of the rounding error of the textbook's 0, ±1, ±2 and infinity.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum

import torch
from torch import Tensor

POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)


def _at_points(taps: Callable[[float], list[float]], at_infinity: list[float]) -> Tensor:
    """Values of a kernel at the points, with the denominators of the interpolation, and at infinity."""
    rows = [
        [tap / math.prod(point - other for other in POINTS if other != point) for tap in taps(point)]
        for point in POINTS
    ]
    return torch.tensor([*rows, at_infinity], dtype=torch.float64)


SAME = _at_points(lambda point: [1.0, point, point**2], [0.0, 0.0, 1.0])
"""Taps of a kernel to its values at the points [6, 3]: F(4, 3)."""

UP = torch.cat(
    [_at_points(lambda point: [point, 0.0, 1.0], [1.0, 0.0, 0.0]), torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)]
)
"""The same of a transposed convolution of stride 2 [7, 3]: F(5, 2) of the outer taps; the middle tap."""

DOWN = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
"""The same of a convolution of stride 2 [4, 3]: F(2, 2) of the outer taps; the middle tap."""


class Size(IntEnum):
    """What a convolution makes of the size; the same as in `winograd.cpp`."""

    SAME = 0
    UP = 1
    DOWN = 2


TRANSFORMS = {Size.SAME: SAME, Size.UP: UP, Size.DOWN: DOWN}


def winograd_kernel(weight: Tensor, dtype: torch.dtype, panel: int, size: Size = Size.SAME) -> Tensor:
    """A weight [O, I, 3, 3] as `winograd.cpp` reads it: [kernels, O / panel, I, panel]; bfloat16: I in pairs."""
    transform = torch.kron(TRANSFORMS[size], TRANSFORMS[size])
    depth = 2 if dtype == torch.bfloat16 else 1
    outputs, inputs = weight.shape[:2]
    kernel = torch.empty(len(transform), outputs // panel, inputs // depth, panel, depth, dtype=dtype)
    panels = weight.detach().cpu().reshape(-1, panel, inputs, 3, 3)
    for number, part in enumerate(panels):  # in doubles the whole would be large
        taps = part.double().permute(2, 3, 0, 1).reshape(9, -1)
        kernel[:, number] = (transform @ taps).reshape(-1, panel, inputs // depth, depth).transpose(1, 2)
    return kernel
