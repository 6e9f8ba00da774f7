"""Winograd's convolutions in C++ (Lavin and Gray 2016): a quarter, or when up-sampling 9/16, of the multiplications.

Every tile of the output is a transform of the products of a transformed kernel and a transformed tile of the input.
`winograd.cpp` has the transforms of inputs and outputs; here are the kernels'. The points, 0, ±3/4, ±3/2 and infinity,
and ±1/2, ±5/4 and infinity, make half of the rounding error of the textbook's 0, ±1, ±2 and infinity.
"""

from __future__ import annotations

import torch
from torch import Tensor

SAME = torch.tensor(
    [*([1.0, point, point**2] for point in (0.0, 0.75, -0.75, 1.5, -1.5)), [0.0, 0.0, 1.0]], dtype=torch.float64
)
"""Taps of a kernel to its values at the points [6, 3]: F(4, 3)."""

UP = torch.tensor(
    [*([point, 0.0, 1.0] for point in (0.5, -0.5, 1.25, -1.25)), [1.0, 0.0, 0.0], *[[0.0, 1.0, 0.0]] * 4],
    dtype=torch.float64,
)
"""The same of a transposed convolution of stride 2 [9, 3]: F(4, 2) of the outer taps; four times the middle tap."""


def winograd_kernel(weight: Tensor, dtype: torch.dtype, panel: int, *, up: bool) -> Tensor:
    """A weight [O, I, 3, 3] as `winograd.cpp` reads it: [products, O / panel, I, panel]; bfloat16: I in pairs."""
    transform = UP if up else SAME
    taps = weight.detach().cpu().double().permute(2, 3, 0, 1).flatten(0, 1)  # [9, O, I]
    kernel = torch.kron(transform, transform) @ taps.flatten(1)
    depth = 2 if dtype == torch.bfloat16 else 1
    outputs, inputs = weight.shape[:2]
    kernel = kernel.to(dtype).reshape(-1, outputs // panel, panel, inputs // depth, depth)
    return kernel.transpose(2, 3).contiguous()
