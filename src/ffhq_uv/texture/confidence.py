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

from ffhq_uv.texture.kernel import kernel

Floats = NDArray[np.float32]

RAMP = 24.0
"""Over so many pixels at 1024 a view comes to count fully."""
BEHIND = 0.02
"""A texel is hidden if it lies behind the drawn surface by more, model units."""
LEAST_SHARE = 0.03
"""A view with a smaller share in a texel is left out: it would add more blur than knowledge, and time."""

GOOD_ERROR, BAD_ERROR = 0.6, 1.5
"""Registration errors (pixels) up to which the geometry is taken as exact, and from which on as a guess."""


@dataclass(frozen=True)
class Care:
    """How carefully to look, for geometry between exact (0) and a guess (1). Pixels are those of a face of 1024.

    guess           0..1, see above
    margin          distance from which on a view counts at all, pixels
    fade            distance over which the seen texels then fade in over the completed ones, pixels
    least_cosine    cosine from which on a view counts at all
    fade_cosine     cosine over which seen texels fade in
    front           factor of the front view's weight: its errors show the least
    """

    guess: float
    margin: float
    fade: float
    least_cosine: float
    fade_cosine: float
    front: float

    @classmethod
    def about(cls, error: float) -> Care:
        """What is due to a registration error, pixels at 1024."""
        guess = float(np.clip((error - GOOD_ERROR) / (BAD_ERROR - GOOD_ERROR), 0, 1))
        return cls(
            guess=guess,
            margin=0.5 + 4 * guess,
            fade=0.001 + 30 * guess,
            least_cosine=0.1 + 0.2 * guess,
            fade_cosine=0.001 + 0.3 * guess,
            front=1 + 10 * guess,
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
def find_seen(
    corners: NDArray[np.int32],
    start: NDArray[np.int64],
    texel: NDArray[np.int32],
    barycentric: Floats,
    vertices: Floats,
    inverse_depth: tuple[Floats, ...],
    distance: tuple[Floats, ...],
    care: Floats,
    seen_texel: NDArray[np.int32],
    seen_place: Floats,
    seen_weight: Floats,
    seen_opacity: Floats,
) -> int:
    """Fill the arrays of `SeenTexels` from a map's `TexelGroups`; returns how many texels are seen.

    vertices        float32 [N, 3, 4]: column, row, inverse depth, cosine of every vertex in every view
    inverse_depth   float32 [H, W] of every view, see `visibility.ViewBuffers`
    distance        float32 [H, W] of every view
    care            float32 [7]: margin, fade, ramp (pixels), least cosine, its fade, front's factor, what is behind
    """
    height, width = distance[0].shape
    zero, one, tiny = np.float32(0), np.float32(1), np.float32(1e-4)
    margin, fade, ramp, least_cosine, fade_cosine, front, behind = care
    last_column, last_row = np.float32(width - 2), np.float32(height - 2)
    facing = np.empty(3, np.bool_)
    count = np.uint64(0)
    for group in range(len(corners)):
        a, b, c = corners[group]
        va, vb, vc = vertices[np.uint64(a)], vertices[np.uint64(b)], vertices[np.uint64(c)]
        some = False
        for view in range(np.uint64(3)):
            facing[view] = max(va[view, 3], vb[view, 3], vc[view, 3]) > least_cosine
            some = some or facing[view]
        if not some:
            continue
        for k in range(np.uint64(start[group]), np.uint64(start[group + 1])):
            wa, wb, wc = barycentric[k]
            total = opacity = zero
            for view in range(np.uint64(3)):
                seen_weight[count, view] = zero
                if not facing[view]:
                    continue
                x = wa * va[view, 0] + wb * vb[view, 0] + wc * vc[view, 0]
                y = wa * va[view, 1] + wb * vb[view, 1] + wc * vc[view, 1]
                if not (x >= one and y >= one and x < last_column and y < last_row):
                    continue
                column, row = np.uint64(x), np.uint64(y)
                right, below = column + np.uint64(1), row + np.uint64(1)
                dx, dy = x - np.float32(column), y - np.float32(row)
                free = distance[view]
                upper = free[row, column] + (free[row, right] - free[row, column]) * dx
                lower = free[below, column] + (free[below, right] - free[below, column]) * dx
                far = upper + (lower - upper) * dy - margin
                cosine = wa * va[view, 3] + wb * vb[view, 3] + wc * vc[view, 3]
                if far <= zero or cosine <= least_cosine:
                    continue
                q = wa * va[view, 2] + wb * vb[view, 2] + wc * vc[view, 2]
                drawn = inverse_depth[view]
                furthest = min(
                    min(drawn[row, column], drawn[row, right]), min(drawn[below, column], drawn[below, right])
                )
                if q < furthest - behind * q * q:
                    continue
                seen_place[count, view, 0] = x
                seen_place[count, view, 1] = y
                weight = cosine * cosine * cosine * (_smooth(far / ramp) + tiny)
                if view == 1:
                    weight *= front
                seen_weight[count, view] = weight
                total += weight
                opacity = max(opacity, min(far / fade, (cosine - least_cosine) / fade_cosine))
            if total <= zero:
                continue
            least = total * np.float32(LEAST_SHARE)
            total = zero
            for view in range(np.uint64(3)):
                # no step where a view enters: its weight starts at 0
                seen_weight[count, view] = max(seen_weight[count, view] - least, zero)
                total += seen_weight[count, view]
            for view in range(np.uint64(3)):
                seen_weight[count, view] /= total
            seen_texel[count] = texel[k]
            seen_opacity[count] = _smooth(opacity)
            count += np.uint64(1)
    return int(count)
