"""A z-buffer rasteriser on the CPU: meshes to u, v and shading per sample, and samples to pixels.

Sample (i, j) of an n-fold supersampled image stands at row (i + 0.5) / n - 0.5 and column (j + 0.5) / n -
0.5, so integer image coordinates are pixel centres.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@kernel
def rasterise(
    xy: Floats,
    depth: Floats,
    triangles: Ints,
    uv_triangles: Ints,
    uv: Floats,
    shade: Floats,
    alpha: Floats,
    layer: int,
    n: int,
    nearest: Floats,
    layers: NDArray[np.uint8],
    values: Floats,
) -> None:
    """Draw one mesh into the sample buffers, in place.

    xy [N, 2] pixels, depth [N], shade [N, 2]; uv [V, 2]; alpha [S, S]: a sample whose texel is at most 0.5
    is not drawn ([1, 1] of ones: all are). nearest [H n, W n] keeps 1/depth, layers the mesh, values [.., 4]
    u, v and the shades. Faces turned away from the camera are not drawn. Attributes are interpolated in
    perspective.
    """
    height, width = nearest.shape
    side = alpha.shape[0]
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0 = (xy[a, 0] + 0.5) * n - 0.5, (xy[a, 1] + 0.5) * n - 0.5
        x1, y1 = (xy[b, 0] + 0.5) * n - 0.5, (xy[b, 1] + 0.5) * n - 0.5
        x2, y2 = (xy[c, 0] + 0.5) * n - 0.5, (xy[c, 1] + 0.5) * n - 0.5
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if not -np.inf < area < -1e-9:  # counter-clockwise with y up is clockwise with rows down; NaN is neither
            continue
        top = max(0, int(np.ceil(min(y0, y1, y2))))
        bottom = min(height - 1, int(np.floor(max(y0, y1, y2))))
        left = max(0, int(np.ceil(min(x0, x1, x2))))
        right = min(width - 1, int(np.floor(max(x0, x1, x2))))
        if top > bottom or left > right:
            continue
        q0, q1, q2 = 1 / depth[a], 1 / depth[b], 1 / depth[c]
        u0, u1, u2 = uv[uv_triangles[t, 0], 0], uv[uv_triangles[t, 1], 0], uv[uv_triangles[t, 2], 0]
        v0, v1, v2 = uv[uv_triangles[t, 0], 1], uv[uv_triangles[t, 1], 1], uv[uv_triangles[t, 2], 1]
        inverse = 1 / area
        # Barycentric weights are linear along a row.
        step0, step1 = (y1 - y2) * inverse, (y2 - y0) * inverse
        for i in range(top, bottom + 1):
            start0 = ((x1 - left) * (y2 - i) - (x2 - left) * (y1 - i)) * inverse
            start1 = ((x2 - left) * (y0 - i) - (x0 - left) * (y2 - i)) * inverse
            for j in range(left, right + 1):
                w0 = start0 + (j - left) * step0
                w1 = start1 + (j - left) * step1
                w2 = 1 - w0 - w1
                if w0 < 0 or w1 < 0 or w2 < 0:
                    continue
                k0, k1, k2 = w0 * q0, w1 * q1, w2 * q2
                q = k0 + k1 + k2
                if q <= nearest[i, j]:
                    continue
                u = (k0 * u0 + k1 * u1 + k2 * u2) / q
                v = (k0 * v0 + k1 * v1 + k2 * v2) / q
                if side > 1:
                    col = min(max(int(u * side), 0), side - 1)
                    row = min(max(int((1 - v) * side), 0), side - 1)
                    if alpha[row, col] <= 0.5:
                        continue
                nearest[i, j] = q
                layers[i, j] = layer
                values[i, j, 0] = u
                values[i, j, 1] = v
                values[i, j, 2] = (k0 * shade[a, 0] + k1 * shade[b, 0] + k2 * shade[c, 0]) / q
                values[i, j, 3] = (k0 * shade[a, 1] + k1 * shade[b, 1] + k2 * shade[c, 1]) / q


@kernel
def resolve(
    layers: NDArray[np.uint8],
    values: Floats,
    head: Floats,
    hair: Floats,
    cloth: Floats,
    background: Floats,
    n: int,
    out: Floats,
) -> None:
    """Shade the samples and average them into pixels [H, W, 3] (linear light), in place.

    Layers: 0 background [H, W, 3], 1 head (texture [S, S, 3]), 2 hair (texture [S, S, 3]), 3 cloth [3]. A
    sample's colour is texture * first shade + second shade (the sheen).
    """
    height, width, _ = out.shape
    side = head.shape[0]
    share, half, zero = np.float32(1.0 / (n * n)), np.float32(0.5), np.float32(0)
    last = np.float32(side - 1.001)
    for i in range(height):
        for j in range(width):
            red = green = blue = zero
            for k in range(n * n):
                row, col = i * n + k // n, j * n + k % n
                layer = layers[row, col]
                if layer == 0:
                    red += background[i, j, 0]
                    green += background[i, j, 1]
                    blue += background[i, j, 2]
                    continue
                shade, sheen = values[row, col, 2], values[row, col, 3]
                if layer == 3:
                    red += cloth[0] * shade
                    green += cloth[1] * shade
                    blue += cloth[2] * shade
                    continue
                x = min(max(values[row, col, 0] * side - half, zero), last)
                y = min(max((1 - values[row, col, 1]) * side - half, zero), last)
                x0, y0 = int(x), int(y)
                fx, fy = np.float32(x - x0), np.float32(y - y0)
                w00, w01, w10, w11 = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
                texture = head if layer == 1 else hair
                t00, t01 = texture[y0, x0], texture[y0, x0 + 1]
                t10, t11 = texture[y0 + 1, x0], texture[y0 + 1, x0 + 1]
                red += (t00[0] * w00 + t01[0] * w01 + t10[0] * w10 + t11[0] * w11) * shade + sheen
                green += (t00[1] * w00 + t01[1] * w01 + t10[1] * w10 + t11[1] * w11) * shade + sheen
                blue += (t00[2] * w00 + t01[2] * w01 + t10[2] * w10 + t11[2] * w11) * shade + sheen
            out[i, j, 0] = red * share
            out[i, j, 1] = green * share
            out[i, j, 2] = blue * share


@kernel
def _depths(points: Floats, triangles: Ints, nearest: Floats) -> None:
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        x0, y0, x1, y1 = points[a, 0], points[a, 1], points[b, 0], points[b, 1]
        x2, y2 = points[c, 0], points[c, 1]
        area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
        if abs(area) < 1e-9:
            continue
        for i in range(int(np.ceil(min(y0, y1, y2))), int(np.floor(max(y0, y1, y2))) + 1):
            for j in range(int(np.ceil(min(x0, x1, x2))), int(np.floor(max(x0, x1, x2))) + 1):
                w0 = ((x1 - j) * (y2 - i) - (x2 - j) * (y1 - i)) / area
                w1 = ((x2 - j) * (y0 - i) - (x0 - j) * (y2 - i)) / area
                if w0 >= 0 and w1 >= 0 and w0 + w1 <= 1:
                    z = w0 * points[a, 2] + w1 * points[b, 2] + (1 - w0 - w1) * points[c, 2]
                    if z > nearest[i, j]:
                        nearest[i, j] = z


def depth_map(vertices: Floats, triangles: Ints, towards: Floats, side: int = 192, bias: float = 0.03) -> Floats:
    """How much of each vertex [N, 3] is seen from far away in the direction ``towards`` [3]: [N], 0..1."""
    across = np.cross([0.0, 1.0, 0.0] if abs(towards[1]) < 0.9 else [1.0, 0.0, 0.0], towards)
    across /= np.linalg.norm(across)
    up = np.cross(towards, across)
    points = (vertices @ np.stack([across, up, towards], -1)).astype(np.float32)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    points[:, :2] = (points[:, :2] - low) / (high - low).max() * (side - 3) + 1
    nearest = np.full((side, side), -1e9, np.float32)
    _depths(points, triangles, nearest)
    x, y = points[:, 0], points[:, 1]
    i, j = y.astype(np.int64), x.astype(np.int64)
    seen = np.zeros(len(points), np.float32)
    for di in (0, 1):
        for dj in (0, 1):
            weight = (1 - np.abs(y - i - di)) * (1 - np.abs(x - j - dj))
            seen += weight * (points[:, 2] > nearest[i + di, j + dj] - bias)
    return seen
