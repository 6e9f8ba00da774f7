"""Masks of the published recipe: eroding, and softening towards the places that a view may own.

Sizes of the recipe's windows are given at 1024 texels and scale with the map, always odd. Soft masks are whole numbers
of 16 bits: their window means take half the time of floats', and are off by less than a colour can show.
"""

from __future__ import annotations

import math
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Number = TypeVar("Number", np.uint16, np.float32)

Mask = NDArray[np.uint16]
"""Weights of texels, 0..`WHOLE`."""

BITS = 15
WHOLE = 1 << BITS
"""The weight 1."""

WEAK = 0.8
"""Weight of a view where it may contribute but not own."""


def radius(at_1024: int, size: int) -> int:
    """The half width of a window, scaled from a map of 1024 texels to one of ``size``; halves round up."""
    return math.floor(at_1024 * size / 1024 + 0.5)


def weights(share: NDArray[np.float32]) -> Mask:
    """Shares 0..1 as weights."""
    return np.asarray(np.rint(share * np.float32(WHOLE)), np.uint16)


def blur(mask: NDArray[Number], half: int) -> NDArray[Number]:
    """Mean over windows of (2 half + 1) x (2 half + 1) texels; border reflect-101."""
    half = min(half, *(side - 1 for side in mask.shape))
    return np.asarray(cv2.blur(mask, (2 * half + 1, 2 * half + 1)), dtype=mask.dtype)


def square(half: int) -> NDArray[np.uint8]:
    """The structuring element of an erosion or dilation by ``half`` texels."""
    return np.ones((2 * half + 1, 2 * half + 1), np.uint8)


def erode(mask: NDArray[np.uint8], half: int) -> NDArray[np.uint8]:
    """Binary erosion by a square of (2 half + 1) texels; the border of the map does not erode.

    This is what the recipe writes as "box filter, then >= 1"; the half widths of filters in a row add up.
    """
    return np.asarray(cv2.erode(mask, square(half)), dtype=np.uint8)


def soften(mask: Mask, major: Mask, minor: Mask, size: int) -> Mask:
    """Blend a mask into its surroundings: full weight in ``major``, 0.8 fading out around ``minor``.

    All [h, w]; ``size`` is the side of the whole map, of which these may be a window.
    """
    weak = blur(product(mask, minor), radius(25, size))
    _put_under(weak, mask, major)
    return blur(weak, radius(15, size))


@kernel
def product(first: Mask, second: Mask) -> Mask:
    """Both weights at once."""
    out = np.empty(first.shape, np.uint16)
    for row in range(first.shape[0]):
        a, b, both = first[row], second[row], out[row]
        for column in range(first.shape[1]):
            both[column] = np.uint16((np.uint32(a[column]) * np.uint32(b[column])) >> np.uint32(BITS))
    return out


@kernel
def _put_under(weak: Mask, mask: Mask, major: Mask) -> None:
    """weak = strong + (1 - strong) * 0.8 weak, with strong = mask * major; in place."""
    whole, bits, share = np.uint32(WHOLE), np.uint32(BITS), np.uint32(round(WEAK * WHOLE))
    for row in range(mask.shape[0]):
        under, over, owned = weak[row], mask[row], major[row]
        for column in range(mask.shape[1]):
            strong = (np.uint32(over[column]) * np.uint32(owned[column])) >> bits
            faint = (np.uint32(under[column]) * share) >> bits
            under[column] = np.uint16(strong + (((whole - strong) * faint) >> bits))


def margin(size: int) -> int:
    """How far around ``minor`` a softened, and blurred once more, mask can differ from 0, texels.

    A window that reaches so far gives what the whole map would give.
    """
    return radius(25, size) + radius(15, size) + radius(10, size) + 1
