"""How noisy the faces are: the standard deviation of their grain, from a mask that smooth shading and edges pass.

The difference of two Laplacians (Immerkaer 1996) at places on the skin, and of that the median, which hair and pores
do not move. Rounding to whole grey levels alone gives up to half a level: that is taken off.
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
    deviation = float(np.median(np.abs(found))) / NORMAL / 6
    return float(np.sqrt(max(deviation**2 - ROUNDING**2, 0)))
