"""What a camera sees of the mesh: a z-buffer that says of every pixel how far the surface is, and which texel it shows.

Pixel (row, column) is sampled at its centre, integer image coordinates. Depth is kept as its inverse, which is linear
in the image; texel coordinates are interpolated in perspective. Triangles turned away from the camera hide nothing.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Floats = NDArray[np.float32]

SQUARE = 16
"""Side of the squares of `ViewBuffers.near`, pixels."""

STEP = 0.05
"""Neighbouring pixels at 1024 lie on different surfaces if their depths differ by more, model units."""


class ViewBuffers:
    """What one view shows, pixel by pixel; kept for view after view, valid where ``trusted`` and around it.

    inverse_depth   float32 [H, W], 0 where nothing of the mesh is
    texel           float32 [2, H, W], texel coordinates (column, row); only where asked for
    trusted         uint8 [H, W], 1: shows skin, and its surface goes on in all four neighbours
    distance        float32 [H, W], pixels to the nearest one that is not trusted
    near            bool [H / 16, W / 16], squares of `SQUARE` pixels in or next to which some are trusted
    window          rows and columns (first, and last excluded) outside of which no pixel is trusted
    """

    def __init__(self, inverse_depth: Floats, distance: Floats, near: NDArray[np.bool_]) -> None:
        height, width = inverse_depth.shape
        self.inverse_depth, self.distance, self.near = inverse_depth, distance, near
        self.texel = np.zeros((2, height, width), np.float32)
        self.trusted = np.zeros((height, width), np.uint8)
        self.window = 0, height, 0, width

    def look(
        self,
        xy: Floats,
        depth: Floats,
        skin: NDArray[np.bool_],
        triangles: NDArray[np.int32],
        corners: Floats,
        *,
        texels: bool,
    ) -> None:
        """Draw a mesh (see `draw`) and find what to trust, around the ``skin`` bool [H, W]."""
        height, width = skin.shape
        left, top, across, down = cv2.boundingRect(skin.view(np.uint8))
        rows = slice(max(top - 2, 0), min(top + down + 2, height))
        columns = slice(max(left - 2, 0), min(left + across + 2, width))
        self.window = rows.start, rows.stop, columns.start, columns.stop
        draw(xy, np.reciprocal(depth), triangles, corners, *self.window, self.inverse_depth, texels, self.texel)
        self.trusted[:] = 0
        self.distance[:] = 0
        window = rows, columns
        _trust(self.inverse_depth[window], skin[window], np.float32(STEP * 1024 / width), self.trusted[window])
        self.distance[window] = cv2.distanceTransform(self.trusted[window], cv2.DIST_L2, 3)
        _find_near(self.trusted, *self.window, self.near)


@kernel
def _find_near(
    trusted: NDArray[np.uint8],
    first_row: int,
    last_row: int,
    first_column: int,
    last_column: int,
    near: NDArray[np.bool_],
) -> None:
    """Mark the squares in or next to which a pixel of the window is trusted, in place."""
    near[:] = False
    some = np.empty(trusted.shape[1], np.uint8)
    for square_row in range(first_row // SQUARE, (last_row + SQUARE - 1) // SQUARE):
        some[:] = 0
        for row in range(square_row * SQUARE, min((square_row + 1) * SQUARE, len(trusted))):
            line = trusted[row]
            for column in range(len(some)):
                some[column] |= line[column]
        top, bottom = max(square_row - 1, 0), square_row + 2
        for square in range(first_column // SQUARE, (last_column + SQUARE - 1) // SQUARE):
            if some[square * SQUARE : (square + 1) * SQUARE].any():
                near[top:bottom, max(square - 1, 0) : square + 2] = True


def texel_corners(uv: Floats, triangles_uv: NDArray[np.int64], size: int) -> Floats:
    """Texel coordinates (column, row) of every triangle's corners in a map of side ``size``: float32 [F, 3, 2]."""
    column, row = uv[:, 0] * size - 0.5, (1 - uv[:, 1]) * size - 0.5
    return np.ascontiguousarray(np.stack([column, row], -1)[triangles_uv], dtype=np.float32)


@kernel
def draw(
    xy: Floats,
    inverse: Floats,
    triangles: NDArray[np.int32],
    corners: Floats,
    first_row: int,
    last_row: int,
    first_column: int,
    last_column: int,
    inverse_depth: Floats,
    texels: bool,
    texel: Floats,
) -> None:
    """Draw a mesh into a window (last row and column excluded) of ``inverse_depth`` [H, W], and with ``texels`` of
    ``texel`` [2, H, W] too.

    xy        float32 [N, 2], pixels; inverse float32 [N], of their depths, more than 0
    triangles int32 [F, 3]; corners float32 [F, 3, 2], their texel coordinates
    """
    inverse_depth[first_row:last_row, first_column:last_column] = 0
    zero, one, least = np.float32(0), np.float32(1), np.float32(1e-20)
    for triangle in range(len(triangles)):
        a, b, c = (
            np.uint64(triangles[triangle, 0]),
            np.uint64(triangles[triangle, 1]),
            np.uint64(triangles[triangle, 2]),
        )
        ax, ay, bx, by, cx, cy = xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1], xy[c, 0], xy[c, 1]
        # counter-clockwise with y up is clockwise with rows down
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if not area < -least:
            continue
        left = max(first_column, math.ceil(min(ax, bx, cx)))
        right = min(last_column - 1, math.floor(max(ax, bx, cx)))
        top = max(first_row, math.ceil(min(ay, by, cy)))
        bottom = min(last_row - 1, math.floor(max(ay, by, cy)))
        if left > right or top > bottom:
            continue
        qa, qb, qc = inverse[a], inverse[b], inverse[c]
        ua, ub, uc = corners[triangle, 0, 0], corners[triangle, 1, 0], corners[triangle, 2, 0]
        va, vb, vc = corners[triangle, 0, 1], corners[triangle, 1, 1], corners[triangle, 2, 1]
        scale = one / area
        b_across, b_down = (cy - ay) * scale, (cx - ax) * scale
        c_across, c_down = (by - ay) * scale, (bx - ax) * scale
        window = slice(left, right + 1)
        for row in range(np.uint64(top), np.uint64(bottom + 1)):
            dy = np.float32(row) - ay
            b_row, c_row, line = dy * b_down, dy * c_down, inverse_depth[row, window]
            # no branches in these loops: half of the pixels of a triangle's rectangle are in it, which nobody can guess
            if not texels:
                for k in range(len(line)):
                    dx = np.float32(left + k) - ax
                    wb, wc = dx * b_across - b_row, c_row - dx * c_across
                    wa = one - wb - wc
                    near = wa * qa + wb * qb + wc * qc
                    line[k] = max(near if min(min(wa, wb), wc) >= zero else zero, line[k])
                continue
            across, down = texel[0, row, window], texel[1, row, window]
            for k in range(len(line)):
                dx = np.float32(left + k) - ax
                wb, wc = dx * b_across - b_row, c_row - dx * c_across
                wa = one - wb - wc
                inside = min(min(wa, wb), wc) >= zero
                wa, wb, wc = wa * qa, wb * qb, wc * qc
                near = wa + wb + wc
                far = one / near
                column, place = (wa * ua + wb * ub + wc * uc) * far, (wa * va + wb * vb + wc * vc) * far
                before, column_before, place_before = line[k], across[k], down[k]
                nearer = inside and near > before
                line[k] = near if nearer else before
                across[k] = column if nearer else column_before
                down[k] = place if nearer else place_before


@kernel
def _trust(inverse_depth: Floats, skin: NDArray[np.bool_], step: np.float32, out: NDArray[np.uint8]) -> None:
    """1 where a pixel shows skin and its surface goes on; uint8 [h, w], whose border stays as it is, in place."""
    height, width = skin.shape
    for row in range(1, height - 1):
        above, here, below = inverse_depth[row - 1], inverse_depth[row], inverse_depth[row + 1]
        shows, line = skin[row], out[row]
        for k in range(width - 2):
            q = here[k + 1]
            limit = step * q * q
            left, right, up, down = here[k], here[k + 2], above[k + 1], below[k + 1]
            furthest = max(max(abs(left - q), abs(right - q)), max(abs(up - q), abs(down - q)))
            line[k + 1] = np.uint8(shows[k + 1]) & np.uint8(furthest < limit)
