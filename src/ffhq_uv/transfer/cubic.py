"""The weights of cubic convolution: Keys, "Cubic Convolution Interpolation", 1981, with a = -3/4, as OpenCV has it."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

PARTS = 32
"""Places between two texels, along each axis."""
UNIT = 1 << 15
"""What the weights of a place sum to."""
SHARPNESS = -0.75
"""Keys's a: the slope of the kernel at 1."""


@functools.cache
def weights() -> NDArray[np.int32]:
    """Of each place, 32 down times 32 across, the weights of its 4 x 4 texels: int32 [1024, 16], sums are `UNIT`."""
    axis = _axis(np.arange(PARTS) / PARTS)
    both = np.einsum("yi,xj->yxij", axis, axis).reshape(PARTS * PARTS, 16)
    whole: NDArray[np.int32] = np.rint(both * UNIT).astype(np.int32)
    largest = np.argmax(whole, 1)
    whole[np.arange(len(whole)), largest] += UNIT - whole.sum(1)
    return whole


def _axis(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights [n, 4] of the texels at -1, 0, 1 and 2 for places 0 <= x < 1."""
    distance = np.abs(x[:, None] - [-1, 0, 1, 2])
    a, square, cube = SHARPNESS, distance**2, distance**3
    near = (a + 2) * cube - (a + 3) * square + 1
    far = a * cube - 5 * a * square + 8 * a * distance - 4 * a
    return np.where(distance <= 1, near, far)
