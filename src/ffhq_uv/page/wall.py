"""The wall's pictures: maps made small, many in one file, and the colour that stands for each until it is there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 104
"""Side of a map on the wall, pixels."""
SIDE = 5
"""Maps in a row of an atlas, and rows. Small atlases: a wall in another order needs few tiles of many of them."""
PER_ATLAS = SIDE * SIDE

QUALITY = 80
EMPTY = (128, 128, 128)
"""Colour of a map that is not there."""

FACE = np.s_[60 * TILE // 256 : 200 * TILE // 256, 60 * TILE // 256 : 200 * TILE // 256]
"""The part of a tile that shows skin: the middle of the published layout."""

Tile = NDArray[np.uint8]


def tile(uv_map: NDArray[np.uint8]) -> Tile:
    """A map uint8 [S, S, 3] as a tile uint8 [TILE, TILE, 3]: every pixel the mean of those it replaces."""
    shrinks = min(uv_map.shape[:2]) >= TILE
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(uv_map, (TILE, TILE), interpolation=how), np.uint8)


def colour(found: Tile | None) -> tuple[int, int, int]:
    """The mean colour of a tile's skin, RGB 0..255."""
    if found is None:
        return EMPTY
    red, green, blue = found[FACE].reshape(-1, 3).mean(0).round().astype(int).tolist()
    return red, green, blue


def atlas(tiles: Sequence[Tile | None]) -> NDArray[np.uint8]:
    """Up to `PER_ATLAS` tiles in reading order as one picture; the rows that none of them reaches are left out."""
    rows = -(-len(tiles) // SIDE)
    sheet = np.full((rows * TILE, SIDE * TILE, 3), EMPTY, np.uint8)
    for place, found in enumerate(tiles):
        if found is not None:
            top, left = place // SIDE * TILE, place % SIDE * TILE
            sheet[top : top + TILE, left : left + TILE] = found
    return sheet
