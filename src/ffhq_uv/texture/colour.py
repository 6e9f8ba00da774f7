"""Colour matching: give a texture the channel moments of another, in YUV (the published recipe).

YUV is linear in RGB, so the whole of it is one affine map of RGB, and all it needs of a texture are the sums
of its channels and of their products.
"""

from __future__ import annotations

import cv2
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


def moments_over(image: NDArray[np.float32], mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The moments of an image [3, h, w] over the texels where ``mask`` [h, w] is not 0."""
    return _moments(image, mask, *cv2.boundingRect(mask))


@kernel
def _moments(
    image: NDArray[np.float32], mask: NDArray[np.uint8], left: int, top: int, width: int, height: int
) -> NDArray[np.float64]:
    """Count, sums of R G B, sums of RR RG RB GG GB BB; float64 [10]."""
    count = 0
    r1 = g1 = b1 = rr = rg = rb = gg = gb = bb = 0.0
    for row in range(top, top + height):
        red, green, blue, counted = image[0, row], image[1, row], image[2, row], mask[row]
        for column in range(left, left + width):
            if counted[column]:
                r, g, b = np.float64(red[column]), np.float64(green[column]), np.float64(blue[column])
                count += 1
                r1 += r
                g1 += g
                b1 += b
                rr += r * r
                rg += r * g
                rb += r * b
                gg += g * g
                gb += g * b
                bb += b * b
    return np.array([float(count), r1, g1, b1, rr, rg, rb, gg, gb, bb])


@kernel
def recolour_row(image: NDArray[np.float32], row: int, affine: NDArray[np.float32], out: NDArray[np.float32]) -> None:
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
def recolour(image: NDArray[np.float32], affine: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """``out`` = the image [3, h, w] through the affine map [3, 4], clipped to 0..255; may be the image itself."""
    lines = np.empty((3, image.shape[2]), np.float32)
    for row in range(image.shape[1]):
        recolour_row(image, row, affine, lines)
        for channel in range(3):
            line, target = lines[channel], out[channel, row]
            for column in range(image.shape[2]):
                target[column] = line[column]


@kernel
def subtract_recoloured(image: NDArray[np.float32], other: NDArray[np.float32], affine: NDArray[np.float32]) -> None:
    """image -= other through the affine map, clipped to 0..255; in place, [3, h, w]."""
    lines = np.empty((3, image.shape[2]), np.float32)
    for row in range(image.shape[1]):
        recolour_row(other, row, affine, lines)
        for channel in range(3):
            line, target = lines[channel], image[channel, row]
            for column in range(image.shape[2]):
                target[column] -= line[column]
