"""How noisy the faces are: the standard deviation of their grain, from a mask that smooth shading and edges pass.

The difference of two Laplacians (Immerkaer 1996) at places on the skin, and of that the median, which hair and pores
do not move. Rounding to whole grey levels alone gives up to half a level: that is taken off.

JPEG takes grain away, and detail with it: what is left of either must not be sharpened. It is known by the borders of
its blocks of 8 x 8 pixels, where the mask finds more than inside of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

GRAIN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
"""Sum of squares 36."""
NORMAL = 0.6745
"""The median of a standard normal variable's size."""
ROUNDING = 0.5
"""What faces without any noise give, grey levels."""
BLOCK = 8
"""Side of JPEG's blocks, pixels."""
BLOCKY = 1.2
"""The mask finds more at their borders by this factor (on heads 1.3 at quality 95, 1.03 at most without JPEG)."""
JPEG = 0.25
"""Faces kept as JPEG are taken as this noisy at least, grey levels."""
FEWEST = 100
"""Places without which nothing can be told."""


def noise(luma: Floats, places: Floats, trust: Floats) -> float:
    """Standard deviation of the grain of faces, grey levels.

    luma [V, H, W], 0..255; ``places`` [M, V, 2] (column, row) and ``trust`` [M, V] (0: shows no skin), see `Scouts`.
    """
    _, height, width = luma.shape
    point, view = np.nonzero(trust)
    column, row = np.rint(places[point, view]).astype(np.int64).T
    inside = (column >= 1) & (row >= 1) & (column < width - 1) & (row < height - 1)
    if inside.sum() < FEWEST:
        return 0.0
    column, row, view = column[inside], row[inside], view[inside]
    found = np.zeros(len(view), np.float32)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            found += GRAIN[down + 1, across + 1] * luma[view, row + down, column + across]
    found = np.abs(found)
    deviation = float(np.median(found)) / NORMAL / 6
    grain = float(np.sqrt(max(deviation**2 - ROUNDING**2, 0)))
    border = ((column + 1) % BLOCK < 2) | ((row + 1) % BLOCK < 2)
    if found[border].sum() * (~border).sum() > BLOCKY * found[~border].sum() * border.sum():
        return max(grain, JPEG)
    return grain
