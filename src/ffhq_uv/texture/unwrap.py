"""A face seen from the UV map: which texels it shows, and their colours (the published recipe's step 5).

A texel shows skin, and faces the camera, if the barycentric mix of its triangle's corners says so by more
than a half. Both are properties of vertices, so they are looked up once a vertex, and a triangle that no
corner can carry is skipped with all its texels.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import built, kernel

SOURCE = Path(__file__).with_name("unwrap.cpp")

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
    faces: NDArray[np.uint8],
    xy: NDArray[np.float32],
    normals: NDArray[np.float32],
    skin: NDArray[np.bool_],
    textures: NDArray[np.float32],
    masks: NDArray[np.uint8],
) -> None:
    """Sample faces [V, H, W, 3] into ``textures`` (float32 [V, 3, S, S]) and ``masks`` (uint8 0/1 [V, S, S]), in place.

    xy          float32 [V, N, 2], pixels (column, row) of every vertex, finite; clipped to the image
    normals     float32 [V, N, 3], in camera axes
    skin        bool [V, H, W]

    Colours are bilinear, 0..255; ``textures`` are left as they were where ``masks`` are 0.
    """
    views, height, width = faces.shape[:3]
    if min(height, width) < 2:
        raise ValueError(f"the faces are {width}x{height} pixels, expected at least 2x2")
    masks[...] = 0
    arrays = (
        groups.corners.reshape(-1),
        groups.start,
        groups.texel,
        groups.weight.reshape(-1),
        _look_up(xy, normals, skin).reshape(-1),
        faces.reshape(-1),
        textures.reshape(-1),
        masks.reshape(-1),
    )
    sizes = views, height, width, len(groups.corners), masks[0].size
    library = _library()
    if library is None:
        _sample(*arrays, *sizes)
    else:
        places = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
        library.sample(*places, *(ctypes.c_long(size) for size in sizes))


@functools.cache
def _library() -> ctypes.CDLL | None:
    """`unwrap.cpp`; None where nothing builds it: `_sample` does the same, in one and a half of the time."""
    try:
        return ctypes.CDLL(str(built([SOURCE], fused=False)))
    except (RuntimeError, OSError):
        return None


@kernel
def _look_up(xy: NDArray[np.float32], normals: NDArray[np.float32], skin: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Of every vertex in every view: column, row, skin 0..1, facing 0/1; float32 [N, V, 4]."""
    views, height, width = skin.shape
    found = np.empty((xy.shape[1], views, 4), np.float32)
    for view in range(views):
        for vertex in range(xy.shape[1]):
            x = min(max(xy[view, vertex, 0], np.float32(0)), np.float32(width - 1))
            y = min(max(xy[view, vertex, 1], np.float32(0)), np.float32(height - 1))
            left, top = int(x), int(y)
            right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
            dx, dy = x - np.float32(left), y - np.float32(top)
            a, b = np.float32(skin[view, top, left]), np.float32(skin[view, top, right])
            c, d = np.float32(skin[view, bottom, left]), np.float32(skin[view, bottom, right])
            upper = a * (np.float32(1) - dx) + b * dx
            lower = c * (np.float32(1) - dx) + d * dx
            found[vertex, view, 0] = x
            found[vertex, view, 1] = y
            found[vertex, view, 2] = upper * (np.float32(1) - dy) + lower * dy
            found[vertex, view, 3] = np.float32(normals[view, vertex, 2] > np.float32(FACES_CAMERA))
    return found


@kernel
def _sample(
    corners: NDArray[np.int32],
    start: NDArray[np.int64],
    texel: NDArray[np.int32],
    weight: NDArray[np.float32],
    vertex: NDArray[np.float32],
    face: NDArray[np.uint8],
    texture: NDArray[np.float32],
    mask: NDArray[np.uint8],
    views: int,
    height: int,
    width: int,
    groups: int,
    texels: int,
) -> None:
    """See `unwrap`; all arrays flat, ``vertex`` from `_look_up`."""
    # unsigned indices spare the test for "counted from the end", a third of this loop's time
    zero, half, one = np.float32(0), np.float32(0.5), np.float32(1)
    u1, u2, u3, u4 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    last_column, last_row = np.float32(width - 2), np.float32(height - 2)
    rows, below, apart, plane = np.uint64(height), np.uint64(3 * width), np.uint64(4 * views), np.uint64(texels)
    for group in range(np.uint64(groups)):
        a_first = np.uint64(corners[u3 * group]) * apart
        b_first = np.uint64(corners[u3 * group + u1]) * apart
        c_first = np.uint64(corners[u3 * group + u2]) * apart
        first, last = np.uint64(start[group]), np.uint64(start[group + u1])
        for view in range(np.uint64(views)):
            a, b, c = a_first + view * u4, b_first + view * u4, c_first + view * u4
            ax, ay, a_skin, a_facing = vertex[a], vertex[a + u1], vertex[a + u2], vertex[a + u3]
            bx, by, b_skin, b_facing = vertex[b], vertex[b + u1], vertex[b + u2], vertex[b + u3]
            cx, cy, c_skin, c_facing = vertex[c], vertex[c + u1], vertex[c + u2], vertex[c + u3]
            if max(a_skin, b_skin, c_skin) <= half or max(a_facing, b_facing, c_facing) <= half:
                continue
            certain = min(min(a_skin, b_skin, c_skin), min(a_facing, b_facing, c_facing)) == one
            for k in range(first, last):
                wa, wb, wc = weight[u3 * k], weight[u3 * k + u1], weight[u3 * k + u2]
                if not certain and (
                    a_skin * wa + b_skin * wb + c_skin * wc <= half
                    or a_facing * wa + b_facing * wb + c_facing * wc <= half
                ):
                    continue
                x = ax * wa + bx * wb + cx * wc
                y = ay * wa + by * wb + cy * wc
                column = np.uint64(min(max(x, zero), last_column))
                row = np.uint64(min(max(y, zero), last_row))
                dx, dy = x - np.float32(column), y - np.float32(row)
                above = (view * rows + row) * below + column * u3
                at = np.uint64(texel[k])
                mask[view * plane + at] = 1
                for channel in range(u3):
                    p = above + channel
                    left, right = np.float32(face[p]), np.float32(face[p + u3])
                    p += below
                    left += (np.float32(face[p]) - left) * dy
                    right += (np.float32(face[p + u3]) - right) * dy
                    texture[(view * u3 + channel) * plane + at] = left + (right - left) * dx
