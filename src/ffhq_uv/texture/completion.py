"""Completing what no view saw: the template, its colours matched, meeting the seen texels without a border.

The difference between the seen texels and the matched template is carried into the holes by a pyramid that averages
what is known (push) and fills what is not from the next coarser level (pull; Gortler et al. 1996). So small holes, an
eye or a nostril, take the colour of their own rim. The pyramid ends at cells of an eighth of the map, and there what
is unknown differs by nothing: a beard or a shaded jaw does not colour the whole neck.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.texture.colour import FLAT, FROM_YUV, TO_YUV

Floats = NDArray[np.float32]

KNOWN_ENOUGH = 0.25
"""A cell of a coarser level with this share of known texels needs no coarser one."""
COARSEST = 8
"""Side of the coarsest level of the pyramid, cells."""
KNOWN_WELL = 0.5
"""A cell of the coarsest level with a smaller share of known texels takes only a part of their difference."""
LEAST_CONTRAST, MOST_CONTRAST = 2 / 3, 1.0
"""Of the matched template, in that of the template; the published recipe has 2 / 3 of the seen skin's."""
EVERY = 8
"""Rows and columns of a map of 1024 that are looked at to match the colours."""
FEW = 50
"""So many of these tell half of the colours, the template itself the other half."""


def spread(known: Floats) -> Floats:
    """Fill an image [h, w, 4] of values times weights and weights (0..1) with values everywhere: [h, w, 3]."""
    if min(known.shape[:2]) <= COARSEST:
        return np.asarray(known[..., :3] / np.maximum(known[..., 3:], np.float32(KNOWN_WELL)))
    coarse = spread(np.asarray(cv2.pyrDown(known), np.float32))
    out = np.asarray(cv2.pyrUp(coarse, dstsize=(known.shape[1], known.shape[0])), np.float32)
    _put_known(known, np.float32(KNOWN_ENOUGH), out)
    return out


def match_template(texture: Floats, template: NDArray[np.uint8], hair: Floats) -> Floats:
    """The affine map of RGB, float32 [3, 4], that brings a template to the colours of the seen texels.

    In YUV each channel's medians agree, and within bounds its standard deviation. (A least squares line would lose
    contrast where the seen is not quite in its place.) Texels with hair are left out; if nothing is seen, the template
    stays as it is.
    """
    step = max(1, len(template) * EVERY // 1024)
    few = slice(None, None, step), slice(None, None, step)
    known = (texture[few][..., 3] > 0) & (hair[few] == 0)
    same = np.eye(3, 4, dtype=np.float32)
    if not known.any():
        return same
    source = template[few][known] @ TO_YUV.T
    target = texture[few][known][:, :3] @ TO_YUV.T
    middle, wanted = np.median(source, 0), np.median(target, 0)
    contrast = source.std(0)
    slope = target.std(0) / np.maximum(contrast, FLAT)
    slope = np.where(contrast < FLAT, 1, slope.clip(LEAST_CONTRAST, MOST_CONTRAST))
    linear = FROM_YUV @ (slope[:, None] * TO_YUV)
    matched = np.column_stack([linear, FROM_YUV @ (wanted - slope * middle)])
    return np.asarray(same + (matched - same) * len(source) / (len(source) + FEW), np.float32)


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
def _matched(template: NDArray[np.uint8], row: int, column: int, affine: Floats, out: Floats) -> None:
    """A texel of the template [S, S, 3] through an affine map, into ``out`` [3]."""
    red, green = np.float32(template[row, column, 0]), np.float32(template[row, column, 1])
    blue = np.float32(template[row, column, 2])
    for channel in range(3):
        out[channel] = affine[channel, 0] * red + affine[channel, 1] * green + affine[channel, 2] * blue
        out[channel] += affine[channel, 3]


@kernel
def difference_to(texture: Floats, template: NDArray[np.uint8], affine: Floats, hair: Floats, out: Floats) -> None:
    """out [S, S, 4] = seen - matched template and 1, or 0 where nothing is seen or the hair lies; in place."""
    matched, zero = np.empty(3, np.float32), np.float32(0)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            known = texture[row, column, 3] if hair[row, column] == 0 else zero
            known = known * known * known * known
            out[row, column, 3] = known
            if known == zero:
                out[row, column, 0] = out[row, column, 1] = out[row, column, 2] = zero
                continue
            _matched(template, row, column, affine, matched)
            for channel in range(3):
                out[row, column, channel] = (texture[row, column, channel] - matched[channel]) * known


@kernel
def finish(
    texture: Floats,
    template: NDArray[np.uint8],
    affine: Floats,
    difference: Floats,
    hair: Floats,
    out: NDArray[np.uint8],
) -> None:
    """out [S, S, 3] = the seen texels, elsewhere matched template + difference, over it the hair; rounded."""
    low, high, one = np.float32(0), np.float32(255), np.float32(1)
    matched = np.empty(3, np.float32)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            known, over = texture[row, column, 3], hair[row, column]
            if known < one:
                _matched(template, row, column, affine, matched)
            for channel in range(3):
                raw = np.float32(template[row, column, channel])
                value = texture[row, column, channel]
                if known < one:
                    completed = matched[channel] + difference[row, column, channel]
                    value = completed + known * (value - completed)
                value = min(max(value, low), high)
                value += over * (raw - value)
                out[row, column, channel] = np.uint8(np.int32(np.rint(value)))
