"""Stray texels at the rims of what is seen: nostrils, corners of the mouth, silhouettes.

There a texel may look past the surface that it belongs to, at what lies behind or before it, by less than depth can
tell. What then stands out of its surroundings takes their median; inside the seen skin nothing is touched.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SOLID = 0.9
"""Opacity from which on a texel is seen rather than completed."""
STANDS_OUT = 8
"""Grey levels from the median of its 5 x 5 surroundings from which on a texel is stray."""


def remove_specks(opacity: NDArray[np.float32], picture: NDArray[np.uint8], rim: int) -> None:
    """Replace the stray texels of a map uint8 [S, S, 3], in place.

    ``opacity`` [S, S] is how much a texel is seen; the rim reaches ``rim`` texels from one that is completed.
    """
    seen = (opacity > 0).view(np.uint8)
    column, row, width, height = cv2.boundingRect(seen)
    top, left = max(row - rim, 0), max(column - rim, 0)
    window = slice(top, row + height + rim), slice(left, column + width + rim)
    if not width:
        return
    solid = cv2.erode((opacity[window] >= SOLID).view(np.uint8), np.ones((2 * rim + 1, 2 * rim + 1), np.uint8))
    grey = cv2.cvtColor(picture[window], cv2.COLOR_RGB2GRAY)
    spots = cv2.absdiff(grey, cv2.medianBlur(grey, 5)) > STANDS_OUT
    found = np.flatnonzero(spots & (seen[window] > solid))
    if not len(found):
        return
    rows, columns = np.divmod(found, spots.shape[1])
    around = np.arange(-2, 3)
    side = len(opacity) - 1
    at = (
        (top + rows[:, None, None] + around[:, None]).clip(0, side),
        (left + columns[:, None, None] + around).clip(0, side),
    )
    picture[top + rows, left + columns] = np.median(picture[at].reshape(-1, 25, 3), axis=1)
