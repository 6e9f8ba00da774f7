"""Heads for the tests: a second layout for a mesh, and a mesh of other triangles on the same surface."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay

from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.rasterise import rasterise_uv


def warped(uv: np.ndarray) -> np.ndarray:
    """A smooth, invertible way of laying the same charts out again, within 0..1."""
    return (uv + 0.03 * np.sin(3 * uv[:, ::-1])) * 0.9 + 0.03


def halves(mesh: Mesh, eyes: np.ndarray | None = None) -> Mesh:
    """The same mesh in two UDIM tiles: the left half in 1001, the right one in 1002, both turned.

    eyes    triangles that go to a tile of their own, 1003
    """
    home = (mesh.uv[mesh.triangles_uv][..., 0].mean(1) > 0.5).astype(np.int64)
    if eyes is not None:
        home[eyes] = 2
    corners = np.stack([mesh.triangles_uv, np.repeat(home[:, None], 3, 1)], -1).reshape(-1, 2)
    pairs, inverse = np.unique(corners, axis=0, return_inverse=True)
    uv = np.empty((len(pairs), 2))
    for tile, (degrees, middle) in enumerate([(3, 0.25), (-2, 0.75), (0, 0.5)]):
        here = pairs[:, 1] == tile
        turn = np.radians(degrees)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved = (mesh.uv[pairs[here, 0]] - [middle, 0.5]) @ matrix * 0.93
        uv[here] = moved + 0.01 * np.sin(5 * moved[:, ::-1]) + [0.5 + tile, 0.5]
    return Mesh(mesh.vertices, uv.astype(np.float32), mesh.triangles, inverse.reshape(-1, 3))


def remeshed(mesh: Mesh, side: int = 90) -> tuple[Mesh, np.ndarray]:
    """Another mesh on the same surface with a layout of its own, and the UV coordinates [N, 2] of its vertices in the
    layout of ``mesh``."""
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2)
    uv, points = _inside(mesh, (grid + 0.5 + rng.uniform(-0.35, 0.35, grid.shape)) / side)
    triangles = Delaunay(uv).simplices.astype(np.int64)
    triangles = triangles[_held(mesh, uv[triangles].mean(1))]
    a, b, c = (uv[triangles[:, corner]] for corner in range(3))
    turned = (b - a)[:, 0] * (c - a)[:, 1] < (b - a)[:, 1] * (c - a)[:, 0]
    triangles[turned] = triangles[turned][:, ::-1]
    return Mesh(points.astype(np.float32), warped(uv).astype(np.float32), triangles, triangles), uv


def _inside(mesh: Mesh, uv: np.ndarray, size: int = 2048) -> tuple[np.ndarray, np.ndarray]:
    index, weight, inside = rasterise_uv(mesh.triangles, mesh.triangles_uv, mesh.uv, size)
    column, row = (uv[:, 0] * size).astype(int), ((1 - uv[:, 1]) * size).astype(int)
    here = inside[row, column]
    row, column = row[here], column[here]
    points = np.einsum("nk,nkc->nc", weight[row, column], mesh.vertices[index[row, column]])
    return np.stack([(column + 0.5) / size, 1 - (row + 0.5) / size], -1), points


def _held(mesh: Mesh, uv: np.ndarray, size: int = 2048) -> np.ndarray:
    inside = rasterise_uv(mesh.triangles, mesh.triangles_uv, mesh.uv, size)[2]
    return inside[((1 - uv[:, 1]) * size).astype(int), (uv[:, 0] * size).astype(int)]
