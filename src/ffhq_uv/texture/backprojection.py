"""Sharpening by joint back-projection (Irani and Peleg 1991): what the map still lacks to look like the faces.

The map is drawn into every view, bilinear at the texel that each pixel's centre shows; what the faces have and the
drawing has not is brought back to the texels with the views' weights, and added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Floats = NDArray[np.float32]


@kernel
def _beyond(value: np.float32, least: np.float32) -> np.float32:
    """What of a value is not noise."""
    return value - least * least / value if abs(value) > least else np.float32(0)


@kernel
def lacking(
    face: NDArray[np.uint8],
    gain: Floats,
    trusted: NDArray[np.uint8],
    texel: Floats,
    first_row: int,
    last_row: int,
    first_column: int,
    last_column: int,
    texture: Floats,
    size: int,
    least: np.float32,
    out: Floats,
) -> None:
    """out [H, W, 3] = face * gain - the drawn map; 0 where the pixel is not trusted or the map not known.

    Of differences of up to ``least`` grey levels, the noise of the faces, nothing is left, and of large ones nearly all
    (the non-negative garrote of Breiman 1995).

    In place, in a window (last row and column excluded).

    face      uint8 [H, W * 3]; trusted and texel of `visibility.ViewBuffers`
    texture   float32 [S * S * 4], the last channel more than 0 where known
    """
    last = np.float32(size - 2)
    one, zero = np.float32(1), np.float32(0)
    u1, u2, u3, u4, below = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4), np.uint64(4 * size)
    red_gain, green_gain, blue_gain = gain
    for row in range(np.uint64(first_row), np.uint64(last_row)):
        shown, line, target = trusted[row], face[row], out[row]
        across, down = texel[0, row], texel[1, row]
        target[first_column:last_column] = zero
        for column in range(np.uint64(first_column), np.uint64(last_column)):
            if not shown[column]:
                continue
            x, y = min(max(across[column], zero), last), min(max(down[column], zero), last)
            left, top = np.uint64(x), np.uint64(y)
            a = top * below + left * u4
            b, c = a + u4, a + below
            d = c + u4
            if min(min(texture[a + u3], texture[b + u3]), min(texture[c + u3], texture[d + u3])) <= zero:
                continue
            dx, dy = x - np.float32(left), y - np.float32(top)
            wd = dx * dy
            wb, wc = dx - wd, dy - wd
            wa = one - dx - wc
            red = wa * texture[a] + wb * texture[b] + wc * texture[c] + wd * texture[d]
            green = wa * texture[a + u1] + wb * texture[b + u1] + wc * texture[c + u1] + wd * texture[d + u1]
            blue = wa * texture[a + u2] + wb * texture[b + u2] + wc * texture[c + u2] + wd * texture[d + u2]
            pixel = column * u3
            target[column, 0] = _beyond(np.float32(line[pixel]) * red_gain - red, least)
            target[column, 1] = _beyond(np.float32(line[pixel + u1]) * green_gain - green, least)
            target[column, 2] = _beyond(np.float32(line[pixel + u2]) * blue_gain - blue, least)


@kernel
def add_lacking(
    count: int,
    texel: NDArray[np.int32],
    place: Floats,
    weight: Floats,
    lack: Floats,
    height: int,
    width: int,
    step: np.float32,
    texture: Floats,
) -> None:
    """texture [S * S, 4] += step * the weighted mean of ``lack`` [3 * H * W * 3] at the first texels, in place."""
    one = np.float32(1)
    u1, u2, u3, rows, below = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(height), np.uint64(3 * width)
    for k in range(np.uint64(count)):
        red = green = blue = np.float32(0)
        for view in range(np.uint64(3)):
            share = weight[k, view]
            if share == 0:
                continue
            x, y = place[k, view, 0], place[k, view, 1]
            left, top = np.uint64(x), np.uint64(y)
            dx, dy = x - np.float32(left), y - np.float32(top)
            wa, wb = share * (one - dx) * (one - dy), share * dx * (one - dy)
            wc, wd = share * (one - dx) * dy, share * dx * dy
            a = (view * rows + top) * below + left * u3
            b, c = a + u3, a + below
            d = c + u3
            red += wa * lack[a] + wb * lack[b] + wc * lack[c] + wd * lack[d]
            green += wa * lack[a + u1] + wb * lack[b + u1] + wc * lack[c + u1] + wd * lack[d + u1]
            blue += wa * lack[a + u2] + wb * lack[b + u2] + wc * lack[c + u2] + wd * lack[d + u2]
        at = np.uint64(texel[k])
        texture[at, 0] += step * red
        texture[at, 1] += step * green
        texture[at, 2] += step * blue
