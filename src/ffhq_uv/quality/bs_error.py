"""Brightness symmetry error of UV maps (Bai et al., FFHQ-UV, CVPR 2023, section 4.1).

Definition. Y = 0.299 R + 0.587 G + 0.114 B of a map in 0..255; B = Gaussian blur of Y (border
reflect-101); the error is the mean over all texels of |B - flip_horizontal(B)|, in grey levels. The
blur is 55 x 55 on a map of 1024 with OpenCV's default sigma for that kernel, 8.6; kernel and sigma
scale with the map.

How it is computed. Blur and flip commute, so B - flip(B) = blur(Y - flip(Y)): one blur, of an odd
image, of which the left half says everything. Each pass of the blur is a banded matrix (borders and
oddness folded into it) applied in dense blocks: a fifth of the time that decoding the map takes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of R, G, B in Y (ITU-R BT.601)."""

Normalise = Literal["none", "mean_luma"]

_REFERENCE_SIZE = 1024
_BLOCK = 64  # outputs a block, which reads 64 + 54 inputs at 1024: the fastest of 32, 64 and 128

_Band = list[tuple[slice, slice, Tensor]]  # of a banded matrix: (its rows, the columns that they reach, the block)


def bs_error(maps: Tensor, *, kernel: int = 55, normalise: Normalise = "none") -> Tensor:
    """BS error of every map.

    maps         uint8 [B, S, S, 3], RGB
    kernel       blur kernel at 1024, texels, odd
    normalise    "none": grey levels of 0..255; "mean_luma": per cent of the map's mean Y, so that the
                 same uneven light counts the same on dark and on light skin (a black map gives NaN)

    Returns float32 [B], within 1e-3 of the definition. Raises ValueError for another shape or dtype, an
    even kernel, or an unknown normalisation.
    """
    if maps.ndim != 4 or maps.shape[1] != maps.shape[2] or maps.shape[3] != 3 or maps.dtype != torch.uint8:
        raise ValueError(f"maps: {maps.dtype} {list(maps.shape)} found, uint8 [B, S, S, 3] expected")
    if kernel < 1 or kernel % 2 == 0:
        raise ValueError(f"kernel: {kernel} found, a positive odd number of texels expected")
    if normalise not in get_args(Normalise):
        raise ValueError(f"normalise: {normalise!r} found, one of {get_args(Normalise)} expected")
    size = maps.shape[1]
    luma = torch.tensor(LUMA, device=maps.device)
    down, across = (_on(band, maps.device) for band in _blur_of_odd(size, kernel))

    errors = torch.zeros(len(maps), device=maps.device)
    # three planes, written over for every map: fresh ones cost more in page faults than in arithmetic
    odd, columns, blurred = torch.empty(3, size, size // 2, device=maps.device)
    for index, uv_map in enumerate(maps):
        _odd_luma(uv_map, luma, odd)
        for rows, reached, block in down:
            torch.matmul(block, odd[reached], out=columns[rows])
        for rows, reached, block in across:
            torch.matmul(columns[:, reached], block.T, out=blurred[:, rows])
        errors[index] = blurred.abs_().sum() * (2 / size**2)
    return 100 * errors / mean_luma(maps) if normalise == "mean_luma" else errors


def mean_luma(maps: Tensor) -> Tensor:
    """Mean Y, 0..255, of every map of uint8 [B, S, S, 3]. float32 [B]."""
    luma = torch.tensor(LUMA, device=maps.device)
    means = torch.zeros(len(maps), device=maps.device)
    for index, uv_map in enumerate(maps):
        columns = torch.stack([rows.flatten(1).float().sum(0) for rows in uv_map.split(_BLOCK)]).sum(0)
        means[index] = columns.view(-1, 3).mean(0) @ luma / len(uv_map)
    return means


def scaled_blur(size: int, kernel: int) -> tuple[int, float]:
    """Width (texels, odd) and sigma (texels) of the blur of a map of ``size``, for a kernel given at 1024."""
    scale = size / _REFERENCE_SIZE
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8  # OpenCV's default: getGaussianKernel with sigma <= 0
    return max(2 * round((kernel * scale - 1) / 2) + 1, 1), sigma * scale


def _odd_luma(uv_map: Tensor, luma: Tensor, out: Tensor) -> None:
    """The left half of Y - flip(Y) of one map uint8 [S, S, 3], into ``out`` float32 [S, S // 2].

    The colours are subtracted before they are weighted: a symmetric map gives exactly 0.
    """
    half = out.shape[1]
    for start in range(0, len(uv_map), _BLOCK):
        rows = slice(start, start + _BLOCK)
        left, right = uv_map[rows, :half], uv_map[rows, -half:].flip(1)
        torch.matmul(left.float().sub_(right), luma, out=out[rows])


@lru_cache(maxsize=8)
def _blur_of_odd(size: int, kernel: int) -> tuple[_Band, _Band]:
    """The blur of an image that is odd left to right: down its columns, across the left half of its rows."""
    width, sigma = scaled_blur(size, kernel)
    offsets = np.arange(width) - width // 2
    taps = np.exp(-(offsets**2) / (2 * sigma**2))
    taps /= taps.sum()

    blur = np.zeros((size, size))
    texels = np.arange(size)
    for offset, tap in zip(offsets, taps, strict=True):
        np.add.at(blur, (texels, _reflect_101(texels + offset, size)), tap)

    # right of the middle an odd image repeats its left half, mirrored and negated; its middle column is 0
    half = size // 2
    return _band(blur), _band(blur[:half, :half] - blur[:half, size - half :][:, ::-1])


def _reflect_101(index: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Indices beyond the border mirrored about the border texel (dcb|abcd|cba), as often as it takes."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return np.minimum(index, period - index)


def _band(matrix: NDArray[np.float64]) -> _Band:
    """A banded matrix as dense blocks."""
    band: _Band = []
    for start in range(0, len(matrix), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(matrix)))
        reached = np.flatnonzero(matrix[rows].any(axis=0))
        columns = slice(int(reached.min()), int(reached.max()) + 1)
        band.append((rows, columns, torch.from_numpy(matrix[rows, columns].astype(np.float32))))
    return band


def _on(band: _Band, device: torch.device) -> _Band:
    return [(rows, columns, block.to(device)) for rows, columns, block in band]
