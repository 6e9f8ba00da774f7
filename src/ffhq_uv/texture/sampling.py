"""Colours of faces between their pixels: bicubic (Keys 1981, a = -0.5), which keeps what bilinear blurs.

The noisier the faces, the more of the cubic B-spline is in it, which blurs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Floats = NDArray[np.float32]


@kernel
def _cubic(t: np.float32, soft: np.float32, taps: Floats) -> None:
    """The weights of the four pixels around a place that is ``t`` (0..1) past the second; Keys' to B-spline's."""
    half, one, three, sixth = np.float32(0.5), np.float32(1), np.float32(3), np.float32(1 / 6)
    taps[0] = ((-half * t + one) * t - half) * t
    taps[1] = (np.float32(1.5) * t - np.float32(2.5)) * t * t + one
    taps[2] = ((-np.float32(1.5) * t + np.float32(2)) * t + half) * t
    taps[3] = (half * t - half) * t * t
    if soft > 0:
        rest = one - t
        taps[0] += soft * (rest * rest * rest * sixth - taps[0])
        taps[1] += soft * (((three * t - three - three) * t * t + np.float32(4)) * sixth - taps[1])
        taps[2] += soft * (((three - three * t) * t * t + three * t + one) * sixth - taps[2])
        taps[3] += soft * (t * t * t * sixth - taps[3])


@kernel
def blend_views(
    count: int,
    texel: NDArray[np.int32],
    place: Floats,
    weight: Floats,
    opacity: Floats,
    faces: NDArray[np.uint8],
    height: int,
    width: int,
    gains: Floats,
    soft: np.float32,
    out: Floats,
) -> None:
    """out [S * S, 4] = the weighted mean of the views at the first ``count`` texels and their opacity, elsewhere 0.

    Arguments of `SeenTexels`; faces uint8 [3 * H * W * 3] of a ``height`` and ``width``; gains float32 [3, 3]
    (view, channel); soft 0..1, the share of the B-spline. In place.
    """
    across, down, mixed = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(12, np.float32)
    rows, below, twelve = np.uint64(height), np.uint64(3 * width), np.uint64(12)
    out[:] = 0
    for k in range(np.uint64(count)):
        red = green = blue = np.float32(0)
        for view in range(np.uint64(3)):
            share = weight[k, view]
            if share == 0:
                continue
            x, y = place[k, view, 0], place[k, view, 1]
            column = min(max(int(x), 1), width - 3)
            row = min(max(int(y), 1), height - 3)
            _cubic(x - np.float32(column), soft, across)
            _cubic(y - np.float32(row), soft, down)
            at = (view * rows + np.uint64(row - 1)) * below + np.uint64(3 * column - 3)
            a, b = faces[at : at + twelve], faces[at + below : at + below + twelve]
            at += below + below
            c, d = faces[at : at + twelve], faces[at + below : at + below + twelve]
            da, db, dc, dd = down[0], down[1], down[2], down[3]
            # down the columns first: a row's four pixels are twelve bytes side by side, which vector registers take
            for i in range(len(a)):
                mixed[i] = da * np.float32(a[i]) + db * np.float32(b[i]) + dc * np.float32(c[i]) + dd * np.float32(d[i])
            t0, t1, t2, t3 = across[0], across[1], across[2], across[3]
            red += share * gains[view, 0] * (t0 * mixed[0] + t1 * mixed[3] + t2 * mixed[6] + t3 * mixed[9])
            green += share * gains[view, 1] * (t0 * mixed[1] + t1 * mixed[4] + t2 * mixed[7] + t3 * mixed[10])
            blue += share * gains[view, 2] * (t0 * mixed[2] + t1 * mixed[5] + t2 * mixed[8] + t3 * mixed[11])
        to = np.uint64(texel[k])
        out[to, 0], out[to, 1], out[to, 2], out[to, 3] = red, green, blue, opacity[k]
