"""One map after the other through a correspondence: bicubic, and averaged where the target is coarser."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import built, kernel
from ffhq_uv.transfer.correspondence import Correspondence
from ffhq_uv.transfer.cubic import PARTS, UNIT, weights
from ffhq_uv.transfer.padding import Padding

SOURCE = Path(__file__).with_name("remap.cpp")
BORDER = 4
"""Texels that repeat the map's edge around it: as far as a sample's 4 x 4 reach."""


class Resampler:
    """Moves maps uint8 [S0, S0, 3] of one size to one tile; made once, since it is as large as the tile.

    Samples lie on 1/32 of a texel. A map is copied into memory that is kept: one thread at a time.
    """

    def __init__(self, correspondence: Correspondence, source_size: int) -> None:
        """Where each sample lies, in pixels of maps of this size."""
        self.size, self.factor = len(correspondence.inside), correspondence.factor
        self.source_size = source_size
        side = source_size + 2 * BORDER
        place = np.rint((correspondence.place * np.float32(source_size) - np.float32(0.5)) * PARTS).astype(np.int64)
        place = place.clip(-(BORDER - 1) * PARTS, (source_size + 1) * PARTS)  # beyond, all 16 are the edge
        whole, part = place // PARTS + BORDER - 1, place % PARTS
        self._first = (whole[..., 1] * side + whole[..., 0]).astype(np.int32)
        self._part = (part[..., 1] * PARTS + part[..., 0]).astype(np.uint16)
        self._map = np.zeros((side, side, 4), np.uint8)
        self._pad = Padding(correspondence.inside)

    def __call__(self, uv_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The tile uint8 [S, S, 3]. Raises ValueError for a map of another size."""
        size = self.source_size
        if uv_map.shape != (size, size, 3):
            raise ValueError(f"a map of {uv_map.shape}, expected {(size, size, 3)}")
        at, last = BORDER, BORDER + size - 1
        cv2.cvtColor(uv_map, cv2.COLOR_RGB2RGBA, dst=self._map[at : last + 1, at : last + 1])
        self._map[at : last + 1, :at] = self._map[at : last + 1, at : at + 1]
        self._map[at : last + 1, last + 1 :] = self._map[at : last + 1, last : last + 1]
        self._map[:at], self._map[last + 1 :] = self._map[at], self._map[last]
        side = self.size * self.factor
        moved = remapped(self._map, self._first, self._part).reshape(side, side, 3)
        if self.factor > 1:
            moved = np.asarray(cv2.resize(moved, (self.size, self.size), interpolation=cv2.INTER_AREA), np.uint8)
        self._pad(moved)
        return moved


def remapped(source: NDArray[np.uint8], first: NDArray[np.int32], part: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Colours uint8 [first.size, 3] of samples of a map [side, side, 4], each of 4 x 4 texels.

    first    the first of the 16, counted in texels
    part     row of `weights`
    """
    out = np.empty(3 * first.size + 1, np.uint8)
    library = _library()
    if library is None:
        _remap(source.reshape(-1), len(source), first.reshape(-1), part.reshape(-1), weights(), out)
    else:
        arrays = (source, first, part, _each_channel(), out)
        places = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        sizes = ctypes.c_long(len(source)), ctypes.c_long(first.size)
        library.remap(places[0], sizes[0], *places[1:4], sizes[1], places[4])
    return out[:-1].reshape(-1, 3)


@functools.cache
def _library() -> ctypes.CDLL | None:
    """`remap.cpp`; None where nothing builds it: `_remap` does the same, in four times the time."""
    try:
        return ctypes.CDLL(str(built([SOURCE])))
    except (RuntimeError, OSError):
        return None


@functools.cache
def _each_channel() -> NDArray[np.float32]:
    """The weights as `remap.cpp` reads them, [1024, 16, 4]."""
    return np.repeat(weights().astype(np.float32)[..., None], 4, 2)


@kernel
def _remap(
    source: NDArray[np.uint8],
    side: int,
    first: NDArray[np.int32],
    part: NDArray[np.uint16],
    weights: NDArray[np.int32],
    out: NDArray[np.uint8],
) -> None:
    for i in range(len(first)):
        weight = weights[part[i]]
        for channel in range(3):
            total = UNIT // 2
            for row in range(4):
                at = 4 * (first[i] + row * side) + channel
                for column in range(4):
                    total += weight[4 * row + column] * source[at + 4 * column]
            out[3 * i + channel] = min(max(total // UNIT, 0), 255)
