"""Brightness symmetry error of UV maps (Bai et al., FFHQ-UV, CVPR 2023, section 4.1).

Definition. Y = 0.299 R + 0.587 G + 0.114 B of a map in 0..255; B = Gaussian blur of Y (border
reflect-101); the error is the mean over all texels of |B - flip_horizontal(B)|, in grey levels. The
blur is 55 x 55 on a map of 1024 with OpenCV's default sigma for that kernel, 8.6; kernel and sigma
scale with the map.

How it is computed. Blur and flip commute, so B - flip(B) = blur(Y - flip(Y)): one blur, of an odd
image, of which the left half says everything. Both passes of the blur go down the rows of a plane, the
second one on the transposed result of the first, and make four rows at a time, so that a row that is
read serves all four. No tap is left out, and still it takes an eighth of the time that decoding a map does.
"""

from __future__ import annotations

from functools import lru_cache
from threading import get_ident

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.kernel import kernel as compiled

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G, B in Y (ITU-R BT.601)."""

_REFERENCE_SIZE = 1024
_RED, _GREEN, _BLUE = map(np.float32, LUMA)
_TILE = 4  # rows that are blurred together, and taps that are added together

_Map = NDArray[np.uint8]
_Plane = NDArray[np.float32]
_Border = tuple[NDArray[np.int64], _Plane]  # of every row beyond the body's: the row that it repeats, and its factor


def bs_error(maps: Tensor, *, kernel: int = 55) -> Tensor:
    """BS error of every map, in grey levels.

    maps      uint8 [B, S, S, 3], RGB, on any device; the processor computes
    kernel    blur kernel at 1024, texels, odd

    Returns float32 [B], within 1e-3 of the definition for any map. Raises ValueError for another shape or
    dtype, or an even kernel.
    """
    if maps.ndim != 4 or maps.shape[1] != maps.shape[2] or maps.shape[3] != 3 or maps.dtype != torch.uint8:
        raise ValueError(f"maps: {maps.dtype} {list(maps.shape)} found, uint8 [B, S, S, 3] expected")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel: {kernel} found, a positive odd number of texels expected")
    size = maps.shape[1]
    taps, down, across = _blur_of_odd(size, kernel)
    planes = _planes(size, len(taps), get_ident())
    errors = [_error(uv_map, taps, down, across, *planes) for uv_map in maps.cpu().contiguous().numpy()]
    return torch.tensor(errors, dtype=torch.float32, device=maps.device)


def mean_luma(maps: Tensor) -> Tensor:
    """Mean Y, 0..255, of every map of uint8 [B, S, S, 3]. float32 [B]."""
    means = [_mean_luma(uv_map) for uv_map in maps.cpu().contiguous().numpy()]
    return torch.tensor(means, dtype=torch.float32, device=maps.device)


def scaled_blur(size: int, kernel: int) -> tuple[int, float]:
    """Width (texels, odd) and sigma (texels) of the blur of a map of ``size``, for a kernel given at 1024."""
    scale = size / _REFERENCE_SIZE
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8  # OpenCV's default: getGaussianKernel with sigma <= 0
    return max(2 * round((kernel * scale - 1) / 2) + 1, 1), sigma * scale


@lru_cache(maxsize=8)
def _blur_of_odd(size: int, kernel: int) -> tuple[_Plane, _Border, _Border]:
    """The blur's taps, and what lies beyond the borders of the left half of an image that is odd left to right:
    above and below it, left and right of it.
    """
    width, sigma = scaled_blur(size, kernel)
    reach, half = width // 2, size // 2
    offsets = np.arange(-reach, reach + 1)
    taps = np.zeros(-(-width // _TILE) * _TILE, np.float32)
    gauss = np.exp(-(offsets**2) / (2 * sigma**2))
    taps[:width] = gauss / gauss.sum()

    down = _reflect_101(np.r_[-reach:0, size : size + reach], size)
    across = _reflect_101(np.r_[-reach:0, half : half + reach], size)
    # right of the middle an odd image repeats its left half, mirrored and negated; its middle column is 0
    sign = np.select([across < half, across >= size - half], [1, -1], 0)
    mirrored = np.where(across < half, across, size - 1 - across)
    return taps, (down, np.ones(2 * reach, np.float32)), (mirrored, sign.astype(np.float32))


def _reflect_101(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Indices beyond the border mirrored about the border texel (dcb|abcd|cba), as often as it takes."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return np.minimum(index, period - index)


@lru_cache(maxsize=8)
def _planes(size: int, taps: int, thread: int) -> tuple[_Plane, _Plane, _Plane]:
    """A thread's scratch for maps of a size, kept: fresh planes cost more in page faults than in arithmetic.

    Before the first pass, after it, and turned before the second; with the rows, zero at first, that tiles and taps
    reach beyond a plane's own. torch aligns memory to 64 bytes, which the vector instructions like; NumPy does not.
    """
    half, reached = size // 2, taps + 2 * _TILE
    shapes = (size + reached, half), (size + _TILE, half), (half + reached, size)
    odd, columns, turned = (torch.zeros(shape).numpy() for shape in shapes)
    return odd, columns, turned


@compiled
def _error(
    uv_map: _Map, taps: _Plane, down: _Border, across: _Border, odd: _Plane, columns: _Plane, turned: _Plane
) -> float:
    """BS error of one map uint8 [S, S, 3]; the planes are scratch."""
    size = len(uv_map)
    half = size // 2
    reach = len(down[0]) // 2
    _odd_luma(uv_map, odd[reach : reach + size])
    _continue(odd, size, down)
    for row in range(0, size, _TILE):
        _blur_tile(odd[row:], taps, columns[row : row + _TILE])
    _transpose(columns[:size], turned[reach : reach + half])
    _continue(turned, half, across)
    total = 0.0
    tile = np.empty((_TILE, size), np.float32)
    for row in range(0, half, _TILE):
        _blur_tile(turned[row:], taps, tile)
        total += _sum_of_sizes(tile[: min(_TILE, half - row)])
    return total * 2 / size**2


@compiled
def _odd_luma(uv_map: _Map, out: _Plane) -> None:
    """The left half of Y - flip(Y) of a map uint8 [S, S, 3]. A symmetric map gives exactly 0."""
    size = len(uv_map)
    luma = np.empty(size, np.float32)
    for row in range(size):
        colours, here = uv_map[row].reshape(-1), out[row]
        for x in range(size):
            luma[x] = _RED * colours[3 * x] + _GREEN * colours[3 * x + 1] + _BLUE * colours[3 * x + 2]
        for x in range(len(here)):
            here[x] = luma[x] - luma[size - 1 - x]


@compiled
def _continue(plane: _Plane, body: int, border: _Border) -> None:
    """Write the rows above and below the ``body`` rows of a plane."""
    source, factor = border
    reach = len(source) // 2
    for row in range(2 * reach):
        here, there = plane[row if row < reach else row + body], plane[reach + source[row]]
        for x in range(len(here)):
            here[x] = factor[row] * there[x]


@compiled
def _blur_tile(rows: _Plane, taps: _Plane, out: _Plane) -> None:
    """Four rows of the blur: out[j] = sum of taps[k] * rows[j + k] over all k."""
    out[:] = 0
    out0, out1, out2, out3 = out[0], out[1], out[2], out[3]
    for k in range(0, len(taps), _TILE):
        tap0, tap1, tap2, tap3 = taps[k], taps[k + 1], taps[k + 2], taps[k + 3]
        row0, row1, row2, row3, row4, row5, row6 = (
            rows[k], rows[k + 1], rows[k + 2], rows[k + 3], rows[k + 4], rows[k + 5], rows[k + 6],
        )  # fmt: skip
        for x in range(out.shape[1]):
            out0[x] += tap0 * row0[x] + tap1 * row1[x] + tap2 * row2[x] + tap3 * row3[x]
            out1[x] += tap0 * row1[x] + tap1 * row2[x] + tap2 * row3[x] + tap3 * row4[x]
            out2[x] += tap0 * row2[x] + tap1 * row3[x] + tap2 * row4[x] + tap3 * row5[x]
            out3[x] += tap0 * row3[x] + tap1 * row4[x] + tap2 * row5[x] + tap3 * row6[x]


@compiled
def _transpose(plane: _Plane, out: _Plane) -> None:
    """Write a plane turned about its diagonal, in strips of 16 rows: a strip's texels of a column fill a cache line."""
    for start in range(0, plane.shape[0], 16):
        end = min(start + 16, plane.shape[0])
        for x in range(plane.shape[1]):
            for y in range(start, end):
                out[x, y] = plane[y, x]


@compiled
def _sum_of_sizes(rows: _Plane) -> float:
    total = np.zeros(rows.shape[1], np.float32)  # a sum a column: one sum of all cannot be vectorised
    for row in range(rows.shape[0]):
        here = rows[row]
        for x in range(len(here)):
            total[x] += abs(here[x])
    whole = np.float32(0)
    for x in range(len(total)):
        whole += total[x]
    return float(whole)


@compiled
def _mean_luma(uv_map: _Map) -> float:
    columns = np.zeros(3 * len(uv_map), np.float32)  # exact: whole numbers below 2^24 up to a map of 65,793
    for row in range(len(uv_map)):
        colours = uv_map[row].reshape(-1)
        for x in range(len(columns)):
            columns[x] += np.float32(colours[x])
    red = green = blue = 0.0
    for x in range(0, len(columns), 3):
        red, green, blue = red + columns[x], green + columns[x + 1], blue + columns[x + 2]
    return float((_RED * red + _GREEN * green + _BLUE * blue) / len(uv_map) ** 2)
