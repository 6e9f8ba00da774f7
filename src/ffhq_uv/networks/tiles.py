"""Convolutions on a processor that multiplies tiles of bfloat16 (Intel's AMX), in its precision or in nearly float32.

A float32 is the sum of two bfloat16, to 2^-17 of itself. Of the four products of two such sums the smallest is left
out; the others, added up in float32, take three sixteenths of the time of float32 products, and what a network says
moves by some 1e-5, as by Winograd's way. `tiles.cpp` splits the inputs; here are the kernels'.
"""

from __future__ import annotations

import torch
from torch import Tensor

DEPTH, PANEL = 32, 32
"""Channels of an input, and of an output, must be a multiple of them."""


def tiles_kernel(weight: Tensor, parts: int) -> Tensor:
    """A weight [O, I, side, side] as `tiles.cpp` reads it: bfloat16 [O / 32, I / 32, side, side, parts, 2, 16, 16, 2].

    parts    1: products of bfloat16; 2: of the sums of two
    """
    outputs, inputs, side, _ = weight.shape
    taps = weight.detach().cpu().float().permute(2, 3, 1, 0)
    near = taps.bfloat16()
    split = torch.stack([near, (taps - near.float()).bfloat16()][:parts])
    split = split.reshape(parts, side, side, inputs // DEPTH, DEPTH // 2, 2, outputs // PANEL, 2, PANEL // 2)
    return split.permute(6, 3, 1, 2, 0, 7, 4, 8, 5).contiguous()
