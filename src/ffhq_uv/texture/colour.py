"""Colour matching: give a texture the channel moments of another, in YUV (the published recipe).

YUV is linear in RGB, so the whole of it is one affine map of RGB, and all it needs of a texture are the sums
of its channels and of their products.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

TO_YUV = np.array(
    [[0.299, 0.587, 0.114], [-0.14714119, -0.28886916, 0.43601035], [0.61497538, -0.51496512, -0.10001026]]
)
"""Rows Y, U, V over R, G, B."""

FROM_YUV = np.linalg.inv(TO_YUV)

CONTRAST = 1.5
"""The recipe divides the contrast of what it matches by this."""

Colours = NDArray[np.float32] | NDArray[np.uint8]
"""An image [3, h, w] that is only read, 0..255."""

LANES = 16
"""Sums of every quantity of the moments, each for one column in so many: one alone waits for the addition before."""

FLAT = 1e-3
"""Below this standard deviation (grey levels) a channel has no contrast that could be scaled."""


def mean_and_deviation(moments: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and population standard deviation of Y, U and V, from the moments of RGB."""
    mean = moments[1:4] / moments[0]
    products = moments[[[4, 5, 6], [5, 7, 8], [6, 8, 9]]]
    covariance = TO_YUV @ (products / moments[0] - np.outer(mean, mean)) @ TO_YUV.T
    return TO_YUV @ mean, np.sqrt(np.maximum(np.diag(covariance), 0))


def match(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float32]:
    """The affine map of RGB that gives a source the means of a target, and 1 / 1.5 of its contrast; float32
    [3, 4].

    ``source`` and ``target`` are moments over at least one texel each. A channel that is flat in the source
    has no contrast to match: it is only divided by 1.5.
    """
    source_mean, source_deviation = mean_and_deviation(source)
    target_mean, target_deviation = mean_and_deviation(target)
    flat = source_deviation < FLAT
    scale = np.where(flat, 1, target_deviation / np.where(flat, 1, source_deviation)) / CONTRAST
    linear = FROM_YUV @ (scale[:, None] * TO_YUV)
    offset = FROM_YUV @ (target_mean - scale * source_mean)
    return np.column_stack([linear, offset]).astype(np.float32)


def moments_over(image: Colours, mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The moments of an image [3, h, w] over the texels where ``mask`` [h, w] is 1, elsewhere 0: count, sums of R G B,
    sums of RR RG RB GG GB BB; float64 [10].
    """
    if spare := -mask.shape[1] % LANES:
        image = np.asarray(np.pad(image, [(0, 0), (0, 0), (0, spare)]), np.float32)
        mask = np.pad(mask, [(0, 0), (0, spare)])
    return _moments(image, mask, np.ascontiguousarray(mask).view(np.uint64))


@kernel
def _moments(image: Colours, mask: NDArray[np.uint8], eights: NDArray[np.uint64]) -> NDArray[np.float64]:
    """See `moments_over`; the image's width is a multiple of `LANES`. ``eights`` are the mask, eight texels in each."""
    sums = np.zeros((10, LANES))
    count, r1, g1, b1, rr = sums[0], sums[1], sums[2], sums[3], sums[4]
    rg, rb, gg, gb, bb = sums[5], sums[6], sums[7], sums[8], sums[9]
    for row in range(mask.shape[0]):
        for part in range(mask.shape[1] // LANES):
            if eights[row, 2 * part] | eights[row, 2 * part + 1] == 0:
                continue
            chunk = slice(LANES * part, LANES * part + LANES)
            red, green, blue, counted = (
                image[0, row, chunk],
                image[1, row, chunk],
                image[2, row, chunk],
                mask[row, chunk],
            )
            for lane in range(LANES):
                one = np.float64(counted[lane])
                r, g, b = one * red[lane], one * green[lane], one * blue[lane]
                count[lane] += one
                r1[lane] += r
                g1[lane] += g
                b1[lane] += b
                rr[lane] += r * r
                rg[lane] += r * g
                rb[lane] += r * b
                gg[lane] += g * g
                gb[lane] += g * b
                bb[lane] += b * b
    total = np.zeros(10)
    for lane in range(LANES):
        for moment in range(10):
            total[moment] += sums[moment, lane]
    return total


@kernel
def recolour_row(image: Colours, row: int, affine: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """``out`` [3, w] = one row of an image [3, h, w] through the affine map [3, 4], clipped to 0..255."""
    low, high = np.float32(0), np.float32(255)
    red, green, blue = image[0, row], image[1, row], image[2, row]
    for channel in range(3):
        of_red, of_green = affine[channel, 0], affine[channel, 1]
        of_blue, offset = affine[channel, 2], affine[channel, 3]
        line = out[channel]
        for column in range(image.shape[2]):
            mixed = of_red * red[column] + of_green * green[column] + of_blue * blue[column] + offset
            line[column] = min(max(mixed, low), high)


@kernel
def subtract_recoloured(image: NDArray[np.float32], other: Colours, affine: NDArray[np.float32]) -> None:
    """image -= other through the affine map, clipped to 0..255; in place, [3, h, w]."""
    lines = np.empty((3, image.shape[2]), np.float32)
    for row in range(image.shape[1]):
        recolour_row(other, row, affine, lines)
        for channel in range(3):
            line, target = lines[channel], image[channel, row]
            for column in range(image.shape[2]):
                target[column] -= line[column]
