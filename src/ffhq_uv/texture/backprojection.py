"""Sharpening by joint back-projection (Irani and Peleg 1991): what the map still lacks to look like the faces.

The map is drawn into every view, bilinear at the texel that each pixel's centre shows; what the faces have and the
drawing has not is brought back to the texels with the views' weights, and added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.kernel import kernel

Floats = NDArray[np.float32]


@kernel
def lacking(
    face: NDArray[np.uint8], gain: Floats, trusted: NDArray[np.uint8], texel: Floats, texture: Floats, out: Floats
) -> None:
    """out [H, W, 3] = face * gain - the drawn map; 0 where the pixel is not trusted or the map not known; in place.

    texel     float32 [H, W, 2], texel coordinates of every pixel
    texture   float32 [S, S, 4], the last channel more than 0 where known
    """
    height, width = trusted.shape
    last = texture.shape[0] - 2
    one, zero, next = np.float32(1), np.float32(0), np.uint64(1)
    for row in range(np.uint64(height)):
        out[row] = zero
        shown, places, line, target = trusted[row], texel[row], face[row], out[row]
        for column in range(np.uint64(width)):
            if not shown[column]:
                continue
            x, y = places[column, 0], places[column, 1]
            left, top = np.uint64(min(max(int(x), 0), last)), np.uint64(min(max(int(y), 0), last))
            upper, lower = texture[top], texture[top + next]
            right = left + next
            if min(min(upper[left, 3], upper[right, 3]), min(lower[left, 3], lower[right, 3])) <= zero:
                continue
            dx, dy = x - np.float32(left), y - np.float32(top)
            wd = dx * dy
            wb, wc = dx - wd, dy - wd
            wa = one - dx - wc
            for channel in range(np.uint64(3)):
                drawn = (
                    wa * upper[left, channel]
                    + wb * upper[right, channel]
                    + wc * lower[left, channel]
                    + wd * lower[right, channel]
                )
                target[column, channel] = np.float32(line[column, channel]) * gain[channel] - drawn


@kernel
def add_lacking(
    count: int,
    texel: NDArray[np.int32],
    place: Floats,
    weight: Floats,
    lack: tuple[Floats, ...],
    step: np.float32,
    texture: Floats,
) -> None:
    """texture [S * S, 4] += step * the weighted mean of ``lack`` [H, W, 3] at the first texels, in place."""
    one, next = np.float32(1), np.uint64(1)
    for k in range(np.uint64(count)):
        red = green = blue = np.float32(0)
        for view in range(np.uint64(3)):
            share = weight[k, view]
            if share == 0:
                continue
            x, y = place[k, view, 0], place[k, view, 1]
            left, top = np.uint64(x), np.uint64(y)
            dx, dy = x - np.float32(left), y - np.float32(top)
            upper, lower, right = lack[view][top], lack[view][top + next], left + next
            wa, wb = share * (one - dx) * (one - dy), share * dx * (one - dy)
            wc, wd = share * (one - dx) * dy, share * dx * dy
            red += wa * upper[left, 0] + wb * upper[right, 0] + wc * lower[left, 0] + wd * lower[right, 0]
            green += wa * upper[left, 1] + wb * upper[right, 1] + wc * lower[left, 1] + wd * lower[right, 1]
            blue += wa * upper[left, 2] + wb * upper[right, 2] + wc * lower[left, 2] + wd * lower[right, 2]
        at = np.uint64(texel[k])
        texture[at, 0] += step * red
        texture[at, 1] += step * green
        texture[at, 2] += step * blue
