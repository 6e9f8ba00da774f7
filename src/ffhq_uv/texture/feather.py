"""Masks of the published recipe: eroding, and softening towards the places that a view may own.

Sizes of the recipe's windows are given at 1024 texels and scale with the map, always odd.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Mask = NDArray[np.float32]

WEAK = 0.8
"""Weight of a view where it may contribute but not own."""


def radius(at_1024: int, size: int) -> int:
    """The half width of a window, scaled from a map of 1024 texels to one of ``size``; halves round up."""
    return math.floor(at_1024 * size / 1024 + 0.5)


def blur(mask: Mask, half: int) -> Mask:
    """Mean over windows of (2 half + 1) x (2 half + 1) texels; border reflect-101."""
    half = min(half, *(side - 1 for side in mask.shape))
    return np.asarray(cv2.blur(mask, (2 * half + 1, 2 * half + 1)), dtype=np.float32)


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

    All [h, w], 0..1; ``size`` is the side of the whole map, of which these may be a window.
    """
    weak = blur(mask * minor, radius(25, size))
    _put_under(weak, mask, major)
    return blur(weak, radius(15, size))


@kernel
def _put_under(weak: Mask, mask: Mask, major: Mask) -> None:
    """weak = strong + (1 - strong) * 0.8 weak, with strong = mask * major; in place."""
    one, share = np.float32(1), np.float32(WEAK)
    for row in range(mask.shape[0]):
        under, over, owned = weak[row], mask[row], major[row]
        for column in range(mask.shape[1]):
            strong = over[column] * owned[column]
            under[column] = strong + (one - strong) * share * under[column]


def margin(size: int) -> int:
    """How far around ``minor`` a softened, and blurred once more, mask can differ from 0, texels.

    A window that reaches so far gives what the whole map would give.
    """
    return radius(25, size) + radius(15, size) + radius(10, size) + 1
