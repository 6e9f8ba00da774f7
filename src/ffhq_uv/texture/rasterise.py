"""Which triangle of the UV mesh each texel belongs to, and where in it: the published ``unwrap_1024_info``.

Convention: a texel is sampled at its centre, column = u S - 0.5 and row = (1 - v) S - 0.5. A centre exactly
on an edge belongs to both triangles; the one listed first takes it. The result does not depend on the order
of a triangle's corners, and neighbours leave no gap: both evaluate a shared edge with the very same
arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel


def rasterise_uv(
    triangles: NDArray[np.integer],
    triangles_uv: NDArray[np.integer],
    uv: NDArray[np.floating],
    size: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Rasterise a UV mesh into a map of ``size`` x ``size`` texels.

    triangles       int [F, 3], vertices of every triangle
    triangles_uv    int [F, 3], UV coordinates of the same corners
    uv              float [T, 2], u to the right, v up, 0..1

    Returns the three vertices of every texel (int32 [S, S, 3]), their barycentric weights (float32 [S, S, 3],
    not negative, sum 1), and the texels inside the mesh (bool [S, S]); outside, vertices and weights are 0.
    """
    if triangles.shape != triangles_uv.shape or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"triangles {triangles.shape} and their UV ids {triangles_uv.shape} must both be [F, 3]")
    points = np.empty((len(uv), 2))
    points[:, 0] = uv[:, 0].astype(np.float64) * size - 0.5
    points[:, 1] = (1.0 - uv[:, 1].astype(np.float64)) * size - 0.5
    face, weight = _rasterise(np.ascontiguousarray(triangles_uv, dtype=np.int64), points, size)
    inside = face >= 0
    index = np.where(inside[..., None], triangles[face], 0).astype(np.int32)
    return index, weight.astype(np.float32), inside


@kernel
def _side(ax: float, ay: float, bx: float, by: float, px: float, py: float) -> float:
    """Twice the signed area of (a, b, p); exactly antisymmetric in a and b."""
    if ax < bx or (ax == bx and ay < by):
        return (bx - ax) * (py - ay) - (by - ay) * (px - ax)
    return (ay - by) * (px - bx) - (ax - bx) * (py - by)


@kernel
def _rasterise(
    corners: NDArray[np.int64], points: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    face = np.full((size, size), -1, np.int64)
    weight = np.zeros((size, size, 3))
    for triangle in range(len(corners)):
        a, b, c = corners[triangle]
        ax, ay = points[a]
        bx, by = points[b]
        cx, cy = points[c]
        area = _side(ax, ay, bx, by, cx, cy)
        if area == 0 or not math.isfinite(area):
            continue
        turn = 1.0 if area > 0 else -1.0
        left = max(0, math.ceil(min(ax, bx, cx)))
        right = min(size - 1, math.floor(max(ax, bx, cx)))
        top = max(0, math.ceil(min(ay, by, cy)))
        bottom = min(size - 1, math.floor(max(ay, by, cy)))
        for row in range(top, bottom + 1):
            for column in range(left, right + 1):
                if face[row, column] >= 0:
                    continue
                wa = _side(bx, by, cx, cy, column, row) * turn
                wb = _side(cx, cy, ax, ay, column, row) * turn
                wc = _side(ax, ay, bx, by, column, row) * turn
                if wa >= 0 and wb >= 0 and wc >= 0:
                    total = wa + wb + wc
                    face[row, column] = triangle
                    weight[row, column, 0] = wa / total
                    weight[row, column, 1] = wb / total
                    weight[row, column, 2] = wc / total
    return face, weight
