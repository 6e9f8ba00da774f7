"""Multiband blending of a texture over a base with the published recipe's Laplacian pyramid.

The pyramid is linear, so one pyramid of the difference (texture - base) is enough:
blend = base + collapse(laplacian(texture - base) * mask).

Convention of the recipe: reduce = 5x5 binomial filter, then even rows and columns; expand = every texel twice
in both directions, then the same filter (gain 1); the mask's pyramid takes even rows and columns first, then
a 5x5 Gaussian of sigma 1. Borders reflect-101.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

LEVELS = 5


def blend_difference(difference: NDArray[np.float32], mask: NDArray[np.float32]) -> None:
    """Replace a difference [3, H, W] by its blend under a mask [H, W], 0..1, in place."""
    masks = [mask]
    levels = [difference]
    for _ in range(LEVELS - 1):
        if min(masks[-1].shape) < 2:
            break
        smaller = cv2.GaussianBlur(masks[-1][::2, ::2], (5, 5), 1)
        masks.append(np.clip(np.asarray(smaller, dtype=np.float32), 0, 1))
        levels.append(np.empty((3, *masks[-1].shape), np.float32))
        for channel in range(3):
            cv2.pyrDown(levels[-2][channel], dst=levels[-1][channel])
    blend, shown = levels[-1] * masks[-1], _rows(masks[-1])
    for level in reversed(range(len(levels) - 1)):
        finer = difference if level == 0 else np.empty_like(levels[level])
        rows = _rows(masks[level])
        shown = max(min(2 * shown[0] - 1, rows[0]), 0), min(max(2 * shown[1] + 1, rows[1]), len(masks[level]))
        for channel in range(3):
            _collapse(
                blend[channel],
                levels[level + 1][channel],
                levels[level][channel],
                masks[level],
                shown,
                finer[channel],
            )
        blend = finer


def _rows(mask: NDArray[np.float32]) -> tuple[int, int]:
    """The first row of a mask that is not all 0, and the one after the last."""
    found = np.flatnonzero(mask.max(1))
    return (int(found[0]), int(found[-1]) + 1) if len(found) else (0, 0)


@kernel
def _collapse(
    coarse_blend: NDArray[np.float32],
    coarse: NDArray[np.float32],
    fine: NDArray[np.float32],
    mask: NDArray[np.float32],
    shown: tuple[int, int],
    out: NDArray[np.float32],
) -> None:
    """out = expand(coarse_blend) + (fine - expand(coarse)) * mask on one channel [H, W], in the rows from the first of
    ``shown`` up to the second, 0 in the others; ``out`` may be ``fine``.
    """
    width = fine.shape[1]
    blend_row = np.empty(2 * coarse.shape[1], np.float32)
    coarse_row = np.empty(2 * coarse.shape[1], np.float32)
    buffer = np.empty(coarse.shape[1] + 2, np.float32)
    out[: shown[0]] = 0
    out[shown[1] :] = 0
    for row in range(shown[0], shown[1]):
        _expand_row(coarse_blend, row, buffer, blend_row)
        _expand_row(coarse, row, buffer, coarse_row)
        # not at once into ``out``: where it is ``fine``, no compiler would dare to take several columns together
        for column in range(width):
            blend_row[column] += (fine[row, column] - coarse_row[column]) * mask[row, column]
        for column in range(width):
            out[row, column] = blend_row[column]


@kernel
def _expand_row(coarse: NDArray[np.float32], row: int, buffer: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """One row of the expanded image.

    Five taps on doubled texels are three on the texels themselves, 5 10 1 (even) or 1 10 5 (odd) sixteenths;
    reflecting the doubled image at its border makes that 14 2 for its outermost texels.
    """
    height, width = coarse.shape
    here = row // 2
    above, below = max(here - 1, 0), min(here + 1, height - 1)
    one, two, five = np.float32(1 / 16), np.float32(2 / 16), np.float32(5 / 16)
    ten, fourteen, none = np.float32(10 / 16), np.float32(14 / 16), np.float32(0)
    a, b, c = (five, ten, one) if row % 2 == 0 else (one, ten, five)
    if row == 0:
        a, b, c = none, fourteen, two
    elif row == 2 * height - 1:
        a, b, c = two, fourteen, none
    for column in range(width):
        buffer[column + 1] = coarse[above, column] * a + coarse[here, column] * b + coarse[below, column] * c
    buffer[0], buffer[width + 1] = buffer[1], buffer[width]
    for column in range(width):
        left, middle, right = buffer[column], buffer[column + 1], buffer[column + 2]
        out[2 * column] = left * five + middle * ten + right * one
        out[2 * column + 1] = left * one + middle * ten + right * five
    out[0] = buffer[1] * fourteen + buffer[min(2, width)] * two
    out[2 * width - 1] = buffer[width] * fourteen + buffer[max(width - 1, 1)] * two
