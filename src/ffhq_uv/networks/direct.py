"""Convolutions as matrix products in C++: of float32, of bfloat16, or of bfloat16 that together are a float32.

A processor may multiply tiles of bfloat16 (Intel's AMX). A float32 is the sum of two bfloat16, to 2^-17 of itself. Of
the four products of two such sums the smallest is left out; the others, added up in float32, take three sixteenths of
the time of float32 products, and what a network says moves by some 1e-5, as by Winograd's way.
`direct.cpp` takes the inputs; here are the kernels.
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor

TOGETHER = 32
"""Channels of an input must be a multiple of it."""


class Products(IntEnum):
    """What is multiplied; the same as in `direct.cpp`. The last two are tiles."""

    FLOAT32 = 0
    BFLOAT16 = 1
    TILES = 2
    SPLIT_TILES = 3


def direct_kernel(weight: Tensor, products: Products, panel: int) -> Tensor:
    """A weight [O, I, side, side] as `direct.cpp` reads it: [O / panel, I / 32, side, side, ...].

    Behind that come, of float32, [32, panel]; of bfloat16, pairs of inputs, [16, panel, 2]; of tiles,
    [parts, 2, 16, 16, 2], where the first 2 are the halves of a panel of 32 outputs.
    """
    outputs, inputs, side, _ = weight.shape
    taps = weight.detach().cpu().float().reshape(outputs // panel, panel, inputs // TOGETHER, TOGETHER, side, side)
    taps = taps.permute(0, 2, 4, 5, 3, 1)
    if products is Products.FLOAT32:
        return taps.contiguous()
    near = taps.bfloat16()
    parts = [near, (taps - near.float()).bfloat16()][: 2 if products is Products.SPLIT_TILES else 1]
    pairs = torch.stack(parts, 4).reshape(*taps.shape[:4], len(parts), TOGETHER // 2, 2, 2, panel // 2)
    if products is Products.BFLOAT16:
        return pairs.permute(0, 1, 2, 3, 4, 5, 7, 8, 6).contiguous()
    return pairs.permute(0, 1, 2, 3, 4, 7, 5, 8, 6).contiguous()
