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
    """Values everywhere [h, w, 3], from an image [h, w, 4] of values times weights and weights (0..1): what its coarser
    levels say, without its own texels.
    """
    if min(known.shape[:2]) <= COARSEST:
        return np.asarray(known[..., :3] / np.maximum(known[..., 3:], np.float32(KNOWN_WELL)))
    coarse = np.asarray(cv2.pyrDown(known), np.float32)
    filled = spread(coarse)
    if min(coarse.shape[:2]) > COARSEST:
        _put_known(coarse, filled)
    return np.asarray(cv2.pyrUp(filled, dstsize=(known.shape[1], known.shape[0])), np.float32)


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
def _put_known(known: Floats, out: Floats) -> None:
    """Lay the known cells over the filled ones, in place."""
    for row in range(len(known)):
        cells, line = known[row], out[row]
        for column in range(len(cells)):
            for channel in range(3):
                value, weight = cells[column, channel], cells[column, 3]
                line[column, channel] = _with_known(value, weight, line[column, channel])


@kernel
def _with_known(value: np.float32, weight: np.float32, filled: np.float32) -> np.float32:
    """A filled value under a known one, which is given times its weight."""
    if weight <= np.float32(1e-5):
        return filled
    return filled + min(weight / np.float32(KNOWN_ENOUGH), np.float32(1)) * (value / weight - filled)


@kernel
def _matched(red: np.float32, green: np.float32, blue: np.float32, row: Floats) -> np.float32:
    """A channel of the template through a row [4] of an affine map."""
    return np.float32(row[0] * red + row[1] * green + row[2] * blue + row[3])


@kernel
def difference_to(texture: Floats, template: NDArray[np.uint8], affine: Floats, hair: Floats, out: Floats) -> None:
    """out [S, S, 4] = seen - matched template and 1, or 0 where nothing is seen or the hair lies; in place."""
    zero = np.float32(0)
    of_red, of_green, of_blue = affine[0], affine[1], affine[2]
    for row in range(len(out)):
        seen, under, over, line = texture[row], template[row], hair[row], out[row]
        for column in range(len(line)):
            known = seen[column, 3] if over[column] == zero else zero
            known = known * known * known * known
            line[column, 3] = known
            if known == zero:
                line[column, 0] = line[column, 1] = line[column, 2] = zero
                continue
            r, g, b = np.float32(under[column, 0]), np.float32(under[column, 1]), np.float32(under[column, 2])
            line[column, 0] = (seen[column, 0] - _matched(r, g, b, of_red)) * known
            line[column, 1] = (seen[column, 1] - _matched(r, g, b, of_green)) * known
            line[column, 2] = (seen[column, 2] - _matched(r, g, b, of_blue)) * known


@kernel
def finish(
    texture: Floats,
    template: NDArray[np.uint8],
    affine: Floats,
    difference: Floats,
    filled: Floats,
    hair: Floats,
    out: NDArray[np.uint8],
) -> None:
    """out [S, S, 3] = the seen texels, elsewhere the matched template and the difference [S, S, 4] as it is ``filled``
    [S, S, 3] by `spread`, over it the hair; rounded.
    """
    low, high, one = np.float32(0), np.float32(255), np.float32(1)
    of_red, of_green, of_blue = affine[0], affine[1], affine[2]
    for row in range(len(out)):
        seen, under, over, line = texture[row], template[row], hair[row], out[row]
        own, around = difference[row], filled[row]
        for column in range(len(line)):
            known, share = seen[column, 3], over[column]
            red, green, blue = seen[column, 0], seen[column, 1], seen[column, 2]
            r, g, b = np.float32(under[column, 0]), np.float32(under[column, 1]), np.float32(under[column, 2])
            if known < one:
                weight = own[column, 3]
                completed = _matched(r, g, b, of_red)
                completed += _with_known(own[column, 0], weight, around[column, 0])
                red = completed + known * (red - completed)
                completed = _matched(r, g, b, of_green)
                completed += _with_known(own[column, 1], weight, around[column, 1])
                green = completed + known * (green - completed)
                completed = _matched(r, g, b, of_blue)
                completed += _with_known(own[column, 2], weight, around[column, 2])
                blue = completed + known * (blue - completed)
            red, green, blue = min(max(red, low), high), min(max(green, low), high), min(max(blue, low), high)
            line[column, 0] = np.uint8(np.int32(np.rint(red + share * (r - red))))
            line[column, 1] = np.uint8(np.int32(np.rint(green + share * (g - green))))
            line[column, 2] = np.uint8(np.int32(np.rint(blue + share * (b - blue))))
