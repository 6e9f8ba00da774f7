"""Completing what no view saw: the template, its colours matched, meeting the seen texels without a border.

The difference between the seen texels and the matched template is carried into the holes by a pyramid that averages
what is known (push) and fills what is not from the next coarser level (pull; Gortler et al. 1996). So small holes, an
eye or a nostril, take the colour of their own rim, and what is far away that of the whole face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Floats = NDArray[np.float32]

KNOWN_ENOUGH = 0.25
"""A cell of a coarser level with this share of known texels needs no coarser one."""


def spread(known: Floats) -> Floats:
    """Fill an image [h, w, 4] of values times weights and weights (0..1) with values everywhere: [h, w, 3]."""
    if min(known.shape[:2]) < 4:
        total = known.sum((0, 1))
        return np.broadcast_to(total[:3] / max(total[3], np.float32(1e-6)), (*known.shape[:2], 3)).astype(np.float32)
    coarse = spread(np.asarray(cv2.pyrDown(known), np.float32))
    out = np.asarray(cv2.pyrUp(coarse, dstsize=(known.shape[1], known.shape[0])), np.float32)
    _put_known(known, np.float32(KNOWN_ENOUGH), out)
    return out


@kernel
def _put_known(known: Floats, enough: np.float32, out: Floats) -> None:
    """Lay the known cells over the filled ones, in place."""
    one = np.float32(1)
    for row in range(known.shape[0]):
        for column in range(known.shape[1]):
            weight = known[row, column, 3]
            if weight <= np.float32(1e-5):
                continue
            share = min(weight / enough, one)
            for channel in range(3):
                value = known[row, column, channel] / weight
                out[row, column, channel] += share * (value - out[row, column, channel])


@kernel
def mean_ratio(texture: Floats, template: NDArray[np.uint8], hair: Floats) -> Floats:
    """Per channel, the mean of the seen texels over that of the template there; float32 [3], 1 if nothing is seen."""
    sums = np.zeros((2, 3))
    for row in range(hair.shape[0]):
        for column in range(hair.shape[1]):
            if texture[row, column, 3] > 0 and hair[row, column] == 0:
                for channel in range(3):
                    sums[0, channel] += texture[row, column, channel]
                    sums[1, channel] += template[row, column, channel]
    ratio = np.ones(3, np.float32)
    for channel in range(3):
        if sums[1, channel] > 0:
            ratio[channel] = np.float32(sums[0, channel] / sums[1, channel])
    return ratio


@kernel
def difference_to(texture: Floats, template: NDArray[np.uint8], ratio: Floats, hair: Floats, out: Floats) -> None:
    """out [S, S, 4] = seen - matched template and 1, or 0 where nothing is seen or the hair lies; in place."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            known = texture[row, column, 3] if hair[row, column] == 0 else np.float32(0)
            known = known * known * known * known
            for channel in range(3):
                matched = ratio[channel] * np.float32(template[row, column, channel])
                out[row, column, channel] = (texture[row, column, channel] - matched) * known
            out[row, column, 3] = known


@kernel
def finish(
    texture: Floats,
    template: NDArray[np.uint8],
    ratio: Floats,
    difference: Floats,
    hair: Floats,
    out: NDArray[np.uint8],
) -> None:
    """out [S, S, 3] = the seen texels, elsewhere matched template + difference, over it the hair; rounded."""
    low, high, one = np.float32(0), np.float32(255), np.float32(1)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            known, over = texture[row, column, 3], hair[row, column]
            for channel in range(3):
                raw = np.float32(template[row, column, channel])
                value = texture[row, column, channel]
                if known < one:
                    completed = ratio[channel] * raw + difference[row, column, channel]
                    value = completed + known * (value - completed)
                value = min(max(value, low), high)
                value += over * (raw - value)
                out[row, column, channel] = np.uint8(np.int32(np.rint(value)))
