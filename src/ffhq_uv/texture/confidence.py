"""How far a view is to be trusted at every texel: seen or hidden, the angle, and the distance to what it must not show.

A texel is seen if no nearer surface was drawn where it lands. A view's weight is cos^3 of the angle between surface and
camera (the texel's footprint in the image shrinks with the cosine) times a ramp of the distance to the nearest pixel
that is not trusted: a silhouette, an edge behind which another surface starts, or the border of the skin mask. What
the views may be off by (`Care`) widens the distances.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.texture.visibility import SQUARE

Floats = NDArray[np.float32]

RAMP = 24.0
"""Over so many pixels at 1024 a view comes to count fully."""
BEHIND = 0.02
"""A texel is hidden if it lies behind the drawn surface by more, model units."""
LEAST_SHARE = 0.1
"""A view with a smaller share in a texel is left out: it would add more blur than knowledge, and time."""

GOOD_ERROR, BAD_ERROR = 0.6, 1.5
"""Registration errors up to which the geometry is taken as exact, and from which on as a guess, pixels at 1024.

The first holds for faces of any size: it is what interpolation leaves.
"""


@dataclass(frozen=True)
class Care:
    """How carefully to look, for geometry between exact (0) and a guess (1). Pixels are those of a face of 1024.

    guess           0..1, see above
    margin          distance from which on a view counts at all, pixels
    fade            distance over which the seen texels then fade in over the completed ones, pixels
    least_cosine    cosine from which on a view counts at all
    fade_cosine     cosine over which seen texels fade in
    front           factor of the front view's weight: its errors show the least
    rim             distance from completed texels up to which stray ones are looked for, texels
    """

    guess: float
    margin: float
    fade: float
    least_cosine: float
    fade_cosine: float
    front: float
    rim: int

    @classmethod
    def about(cls, error: float, scale: float) -> Care:
        """What is due to a registration error (pixels), for faces of which 1024 are ``scale`` times the side."""
        guess = float(np.clip((error - GOOD_ERROR) * scale / (BAD_ERROR - GOOD_ERROR), 0, 1))
        return cls(
            guess=guess,
            margin=1 + 4 * guess,
            fade=0.001 + 30 * guess,
            least_cosine=0.1 + 0.2 * guess,
            fade_cosine=0.001 + 0.3 * guess,
            front=1 + 10 * guess,
            rim=5 if guess > 0 else 3,
        )


@dataclass
class SeenTexels:
    """The texels that some view shows, the first ``count`` entries of arrays made for all ``K`` of the map.

    texel    int32 [K], row * S + column
    place    float32 [K, 3, 2], where each view shows it, pixels (column, row)
    weight   float32 [K, 3], the views' weights, sum 1; 0: hidden or not trusted
    opacity  float32 [K], how much of it is to be seen over the completed map, 0..1
    """

    count: int
    texel: NDArray[np.int32]
    place: Floats
    weight: Floats
    opacity: Floats

    @classmethod
    def room_for(cls, texels: int) -> SeenTexels:
        """Empty, for up to ``texels``."""
        return cls(
            0,
            np.empty(texels, np.int32),
            np.empty((texels, 3, 2), np.float32),
            np.empty((texels, 3), np.float32),
            np.empty(texels, np.float32),
        )


@kernel
def _smooth(t: np.float32) -> np.float32:
    """0 to 1 without a kink, as ``t`` goes from 0 to 1."""
    t = min(t, np.float32(1))
    return t * t * (np.float32(3) - t - t)


@kernel
def _near(
    ax: np.float32,
    ay: np.float32,
    bx: np.float32,
    by: np.float32,
    cx: np.float32,
    cy: np.float32,
    near: NDArray[np.bool_],
    view: int,
) -> bool:
    """Whether the triangle a b c may show a trusted pixel of a view."""
    left, right = min(ax, bx, cx), max(ax, bx, cx)
    top, bottom = min(ay, by, cy), max(ay, by, cy)
    rows, columns = near.shape[1:]
    if right < 0 or bottom < 0 or left >= columns * SQUARE or top >= rows * SQUARE:
        return False
    if right - left > SQUARE or bottom - top > SQUARE:
        return True
    row, column = min(max(int(ay), 0) // SQUARE, rows - 1), min(max(int(ax), 0) // SQUARE, columns - 1)
    return bool(near[view, row, column])


@kernel
def find_seen(
    corners: NDArray[np.int32],
    start: NDArray[np.int64],
    texel: NDArray[np.int32],
    barycentric: Floats,
    vertices: Floats,
    inverse_depth: Floats,
    distance: Floats,
    height: int,
    width: int,
    near: NDArray[np.bool_],
    care: Floats,
    seen_texel: NDArray[np.int32],
    seen_place: Floats,
    seen_weight: Floats,
    seen_opacity: Floats,
    shown: NDArray[np.bool_],
) -> int:
    """Fill the arrays of `SeenTexels` from a map's `TexelGroups`; returns how many texels are seen.

    vertices        float32 [N * 3 * 4]: of every vertex in every view column, row, inverse depth, cosine
    inverse_depth   float32 [3 * H * W], see `visibility.ViewBuffers`
    distance        float32 [3 * H * W]
    near            bool [3, H / 16, W / 16]
    care            float32 [7]: margin, fade, ramp (pixels), least cosine, its fade, front's factor, what is behind
    shown           bool [3], set: whether each view shows any texel
    """
    # flat arrays and unsigned indices: rows of arrays are counted references, which costs more than the arithmetic
    zero, one, tiny = np.float32(0), np.float32(1), np.float32(1e-4)
    u1, u2, u3, u4, u12 = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(12)
    margin, fade, ramp, least_cosine, fade_cosine, front, behind = care
    last_column, last_row = np.float32(width - 2), np.float32(height - 2)
    rows, across = np.uint64(height), np.uint64(width)
    facing = np.empty(3, np.bool_)
    shown[:] = False
    count = np.uint64(0)
    for group in range(len(corners)):
        a_first = np.uint64(corners[group, 0]) * u12
        b_first = np.uint64(corners[group, 1]) * u12
        c_first = np.uint64(corners[group, 2]) * u12
        some = False
        for view in range(u3):
            a, b, c = a_first + view * u4, b_first + view * u4, c_first + view * u4
            cosine = max(vertices[a + u3], vertices[b + u3], vertices[c + u3])
            facing[view] = cosine > least_cosine and _near(
                vertices[a], vertices[a + u1], vertices[b], vertices[b + u1], vertices[c], vertices[c + u1], near, view
            )
            some = some or facing[view]
        if not some:
            continue
        for k in range(np.uint64(start[group]), np.uint64(start[group + 1])):
            wa, wb, wc = barycentric[k, 0], barycentric[k, 1], barycentric[k, 2]
            total = opacity = zero
            for view in range(u3):
                seen_weight[count, view] = zero
                if not facing[view]:
                    continue
                a, b, c = a_first + view * u4, b_first + view * u4, c_first + view * u4
                x = wa * vertices[a] + wb * vertices[b] + wc * vertices[c]
                y = wa * vertices[a + u1] + wb * vertices[b + u1] + wc * vertices[c + u1]
                if not (x >= one and y >= one and x < last_column and y < last_row):
                    continue
                column, row = np.uint64(x), np.uint64(y)
                dx, dy = x - np.float32(column), y - np.float32(row)
                at = (view * rows + row) * across + column
                right, below = at + u1, at + across
                both = below + u1
                upper = distance[at] + (distance[right] - distance[at]) * dx
                lower = distance[below] + (distance[both] - distance[below]) * dx
                far = upper + (lower - upper) * dy - margin
                cosine = wa * vertices[a + u3] + wb * vertices[b + u3] + wc * vertices[c + u3]
                if far <= zero or cosine <= least_cosine:
                    continue
                q = wa * vertices[a + u2] + wb * vertices[b + u2] + wc * vertices[c + u2]
                furthest = min(
                    min(inverse_depth[at], inverse_depth[right]), min(inverse_depth[below], inverse_depth[both])
                )
                if q < furthest - behind * q * q:
                    continue
                seen_place[count, view, 0] = x
                seen_place[count, view, 1] = y
                weight = cosine * cosine * cosine * (_smooth(far / ramp) + tiny)
                if view == u1:
                    weight *= front
                seen_weight[count, view] = weight
                total += weight
                shown[view] = True
                opacity = max(opacity, min(far / fade, (cosine - least_cosine) / fade_cosine))
            if total <= zero:
                continue
            least = total * np.float32(LEAST_SHARE)
            total = zero
            for view in range(u3):
                # no step where a view enters: its weight starts at 0
                seen_weight[count, view] = max(seen_weight[count, view] - least, zero)
                total += seen_weight[count, view]
            for view in range(u3):
                seen_weight[count, view] /= total
            seen_texel[count] = texel[k]
            seen_opacity[count] = _smooth(opacity)
            count += u1
    return int(count)


@kernel
def cover(count: int, texel: NDArray[np.int32], weight: Floats, coverage: NDArray[np.bool_]) -> None:
    """Mark in ``coverage`` [3, S * S] in which of the first ``count`` texels each view has a weight, in place."""
    for k in range(np.uint64(count)):
        for view in range(np.uint64(3)):
            if weight[k, view] > 0:
                coverage[view, np.uint64(texel[k])] = True
