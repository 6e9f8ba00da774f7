"""Colours far outside of the charts, such that a renderer's smaller levels see no border.

Near the charts a texel repeats the nearest one inside (`correspondence.padded`). That is right where a level still
tells both apart. A texel of level 4 stands for 16 x 16 of these, though, and one beside the charts would show strands
of a hair line where its neighbour shows the hair. So blocks of 16 x 16 without any chart take the mean of the nearest
block that has one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.transfer.correspondence import nearest_inside

BLOCK = 1 << 4
"""Side of what a texel of mip level 4 stands for."""
RING = 1
"""Texels around the charts that stay as they are: what bilinear sampling reaches."""


class Padding:
    """Fills the blocks without a chart of tiles uint8 [S, S, 3], in place; without effect where 16 does not divide S.

    inside    bool [S, S], texels of the charts
    """

    def __init__(self, inside: NDArray[np.bool_]) -> None:
        """Which blocks are to be filled, and from which others."""
        size, blocks = len(inside), len(inside) // BLOCK
        whole = inside[: blocks * BLOCK, : blocks * BLOCK].reshape(blocks, BLOCK, blocks, BLOCK)
        held: NDArray[np.bool_] = np.asarray(whole.any((1, 3)))
        self._empty = np.empty((0, 2), np.int64)
        if size % BLOCK == 0 and held.any() and not held.all():
            self._empty = np.argwhere(~held)
            self._from = np.stack(np.divmod(nearest_inside(held)[~held], blocks), 1)
            outside = (~inside).astype(np.uint8)
            self._far = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5) > RING

    def __call__(self, tile: NDArray[np.uint8]) -> None:
        """Fill a tile."""
        if len(self._empty):
            _fill(tile, self._empty * BLOCK, self._from * BLOCK, self._far)


@kernel
def _fill(tile: NDArray[np.uint8], empty: NDArray[np.int64], source: NDArray[np.int64], far: NDArray[np.bool_]) -> None:
    area = BLOCK * BLOCK
    for block in range(len(empty)):
        (top, left), (row, column) = empty[block], source[block]
        red, green, blue = area // 2, area // 2, area // 2
        for y in range(row, row + BLOCK):
            for x in range(column, column + BLOCK):
                red += tile[y, x, 0]
                green += tile[y, x, 1]
                blue += tile[y, x, 2]
        for y in range(top, top + BLOCK):
            for x in range(left, left + BLOCK):
                if far[y, x]:
                    tile[y, x, 0], tile[y, x, 1], tile[y, x, 2] = red // area, green // area, blue // area
