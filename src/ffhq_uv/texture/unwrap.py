"""A face seen from the UV map: which texels it shows, and their colours (the published recipe's step 5).

A texel shows skin, and faces the camera, if the barycentric mix of its triangle's corners says so by more
than a half. Both are properties of vertices, so they are looked up once a vertex, and a triangle that no
corner can carry is skipped with all its texels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

TILE = 16
"""Groups are kept in square tiles of the map of this side, texels: what is near there is near in the face too."""

FACES_CAMERA = 0.1
"""A vertex faces the camera if the z of its unit normal is larger."""


@dataclass(frozen=True)
class TexelGroups:
    """The texels of a map grouped by the triple of vertices around them, ``P`` triples, ``K`` texels.

    corners     int32 [P, 3], vertices
    start       int64 [P + 1], the group's range in ``texel`` and ``weight``
    texel       int32 [K], row * S + column
    weight      float32 [K, 3], barycentric weights
    """

    corners: NDArray[np.int32]
    start: NDArray[np.int64]
    texel: NDArray[np.int32]
    weight: NDArray[np.float32]


def group_texels(index: NDArray[np.int32], weight: NDArray[np.float32], inside: NDArray[np.bool_]) -> TexelGroups:
    """Group the texels of a topology's ``unwrap_index`` and ``unwrap_weight``; in row-major order in each
    group.
    """
    texel = np.flatnonzero(inside)
    corners = index.reshape(-1, 3)[texel].astype(np.int64)
    count = int(index.max(initial=0)) + 1
    key = (corners[:, 0] * count + corners[:, 1]) * count + corners[:, 2]
    _, first, group = np.unique(key, return_index=True, return_inverse=True)
    row, column = np.divmod(texel[first], len(inside))
    place = np.lexsort((first, column // TILE, row // TILE))
    rank = np.empty(len(place), np.int64)
    rank[place] = np.arange(len(place))
    order = np.argsort(rank[group], kind="stable")
    return TexelGroups(
        corners=corners[first[place]].astype(np.int32),
        start=np.r_[0, np.cumsum(np.bincount(rank[group], minlength=len(place)))],
        texel=texel[order].astype(np.int32),
        weight=np.ascontiguousarray(weight.reshape(-1, 3)[texel[order]]),
    )


def unwrap(
    groups: TexelGroups,
    face: NDArray[np.uint8],
    xy: NDArray[np.float32],
    normals: NDArray[np.float32],
    skin: NDArray[np.bool_],
    texture: NDArray[np.float32],
    mask: NDArray[np.uint8],
) -> None:
    """Sample a face [H, W, 3] into ``texture`` (float32 [3, S, S]) and ``mask`` (uint8 0/1 [S, S]), in place.

    xy          float32 [N, 2], pixels (column, row) of every vertex, finite; clipped to the image
    normals     float32 [N, 3], in camera axes
    skin        bool [H, W]

    Colours are bilinear, 0..255; ``texture`` is left as it was where ``mask`` is 0.
    """
    if min(face.shape[:2]) < 2:
        raise ValueError(f"the face is {face.shape[1]}x{face.shape[0]} pixels, expected at least 2x2")
    mask[...] = 0
    _sample(
        groups.corners,
        groups.start,
        groups.texel,
        groups.weight,
        _look_up(xy, normals, skin),
        face.reshape(-1),
        np.uint64(face.shape[1]),
        np.uint64(face.shape[0]),
        texture.reshape(3, -1),
        mask.reshape(-1),
    )


@kernel
def _look_up(xy: NDArray[np.float32], normals: NDArray[np.float32], skin: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of every vertex: column, row, skin 0..1, facing 0/1; float32 [N, 4]."""
    height, width = skin.shape
    found = np.empty((len(xy), 4), np.float32)
    for vertex in range(len(xy)):
        x = min(max(xy[vertex, 0], np.float32(0)), np.float32(width - 1))
        y = min(max(xy[vertex, 1], np.float32(0)), np.float32(height - 1))
        left, top = int(x), int(y)
        right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
        dx, dy = x - np.float32(left), y - np.float32(top)
        upper = np.float32(skin[top, left]) * (np.float32(1) - dx) + np.float32(skin[top, right]) * dx
        lower = np.float32(skin[bottom, left]) * (np.float32(1) - dx) + np.float32(skin[bottom, right]) * dx
        found[vertex, 0] = x
        found[vertex, 1] = y
        found[vertex, 2] = upper * (np.float32(1) - dy) + lower * dy
        found[vertex, 3] = np.float32(normals[vertex, 2] > np.float32(FACES_CAMERA))
    return found


@kernel
def _sample(
    corners: NDArray[np.int32],
    start: NDArray[np.int64],
    texel: NDArray[np.int32],
    weight: NDArray[np.float32],
    vertex: NDArray[np.float32],
    face: NDArray[np.uint8],
    width: np.uint64,
    height: np.uint64,
    texture: NDArray[np.float32],
    mask: NDArray[np.uint8],
) -> None:
    # unsigned indices spare the test for "counted from the end", a third of this loop's time
    half, one = np.float32(0.5), np.float32(1)
    last_column, last_row = np.int64(width) - 2, np.int64(height) - 2
    right, below = np.uint64(3), np.uint64(3) * width
    for group in range(len(corners)):
        a, b, c = corners[group]
        ax, ay, a_skin, a_facing = vertex[a]
        bx, by, b_skin, b_facing = vertex[b]
        cx, cy, c_skin, c_facing = vertex[c]
        if max(a_skin, b_skin, c_skin) <= half or max(a_facing, b_facing, c_facing) <= half:
            continue
        for k in range(np.uint64(start[group]), np.uint64(start[group + 1])):
            wa, wb, wc = weight[k]
            if a_skin * wa + b_skin * wb + c_skin * wc <= half:
                continue
            if a_facing * wa + b_facing * wb + c_facing * wc <= half:
                continue
            x = ax * wa + bx * wb + cx * wc
            y = ay * wa + by * wb + cy * wc
            column: np.int64 = min(max(np.int64(x), np.int64(0)), last_column)
            row: np.int64 = min(max(np.int64(y), np.int64(0)), last_row)
            dx, dy = x - np.float32(column), y - np.float32(row)
            w11 = dx * dy
            w01, w10 = dx - w11, dy - w11
            w00 = one - dx - w10
            pixel = np.uint64(row) * below + np.uint64(column) * right
            at = np.uint64(texel[k])
            mask[at] = 1
            for channel in range(np.uint64(3)):
                texture[channel, at] = (
                    np.float32(face[pixel + channel]) * w00
                    + np.float32(face[pixel + right + channel]) * w01
                    + np.float32(face[pixel + below + channel]) * w10
                    + np.float32(face[pixel + below + right + channel]) * w11
                )
