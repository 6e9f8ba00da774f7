"""A head laid onto another one with other triangles: similarity, thin plate, then what is left, stiffly.

Landmarks say what belongs together (Bookstein, "Principal Warps", 1989, for the thin plate in space, whose kernel is
the distance itself). Then every vertex is drawn to the nearest surface that faces the same way, while an edge term
keeps neighbours together (Amberg et al., "Optimal Step Nonrigid ICP Algorithms", 2007, with displacements in place of
affine maps): first stiff, then softer. Where there is no such surface (teeth, eyeballs, a longer neck), neighbours
decide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu
from scipy.spatial.distance import cdist

from ffhq_uv.texture.export import vertex_normals
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.transfer.nearest import Nearest, Surface

Doubles = NDArray[np.float64]

REACH = (0.25, 0.12, 0.06, 0.04, 0.025, 0.025)
"""How far a vertex moves its neighbours with it in each round, in head heights."""
FAR = 0.05
"""Surfaces further away than this share of the head's height belong to something else."""
TRIMMED = 0.7
"""Share of the vertices, the nearest, that decide the rigid part."""
RIGID = 3000
"""About so many vertices decide the rigid part."""
SMOOTHING = 1e-2
"""Of the thin plate: how much landmarks may be off, in head heights."""


@dataclass(frozen=True)
class Registration:
    """A target head on the source's surface.

    vertices    float32 [N, 3], the target's, on the source
    turn        float64 [3, 3] and shift float64 [3]: the similarity part alone, ``x @ turn + shift``
    matched     bool [N], vertices that found their surface
    distance    float64 [N], of those from it, in head heights
    landmarks   landmarks after the similarity: their root mean square distance, in head heights; None without
    """

    vertices: NDArray[np.float32]
    turn: Doubles
    shift: Doubles
    matched: NDArray[np.bool_]
    distance: Doubles
    landmarks: float | None


def register(
    source: Mesh, target: Mesh, landmarks: tuple[Doubles, Doubles] | None = None, rounds: tuple[float, ...] = REACH
) -> Registration:
    """Lay ``target`` onto ``source``.

    landmarks   float [L, 3] each: points of the source, and the same points of the target. Without, both heads must
                look along z with y up

    Raises ValueError for fewer than four landmarks, or landmarks in one plane.
    """
    height = float(np.ptp(source.vertices[:, 1].astype(np.float64)))
    surface, border = Surface.of(source.vertices, source.triangles), _border(source.triangles)
    points = target.vertices.astype(np.float64)
    starts = _boxed(source, target) if landmarks is None else [similarity(landmarks[1], landmarks[0])]
    few = points[:: max(1, len(points) // RIGID)], vertex_normals(target)[:: max(1, len(points) // RIGID)]
    tried = [_rigid(surface, *few, turn, shift, rounds=4) for turn, shift in starts]
    turn, shift, _ = min(tried, key=lambda fit: fit[2])
    turn, shift, _ = _rigid(surface, *few, turn, shift, rounds=15)
    left = None
    placed = points @ turn + shift
    if landmarks is not None:
        apart = landmarks[0] - (landmarks[1] @ turn + shift)
        left = float(np.sqrt((apart**2).sum(1).mean())) / height
        if left > 0.75 * _edge_length(placed, target.triangles) / height:  # else it is the landmarks that are not exact
            placed = placed + thin_plate(landmarks[1] @ turn + shift, apart, placed, SMOOTHING * height)
    edges = _edges(target.triangles)
    for reach in rounds:
        found, trusted = _facing(surface, border, placed, target.triangles, height)
        drawn = _points(source, found) - placed
        placed = placed + _spread(drawn, trusted, edges, reach * height / _edge_length(placed, target.triangles))
    found, trusted = _facing(surface, border, placed, target.triangles, height)
    return Registration(placed.astype(np.float32), turn, shift, trusted, found.distance / height, left)


def similarity(moving: Doubles, fixed: Doubles) -> tuple[Doubles, Doubles]:
    """Turn and scale [3, 3] and shift [3] that bring points [n, 3] nearest to others: Umeyama (1991).

    ``moving @ turn + shift``. Raises ValueError for fewer than four points, or points in one plane.
    """
    if moving.shape != fixed.shape or len(moving) < 4:
        raise ValueError(f"{len(moving)} and {len(fixed)} landmarks; at least four pairs are needed")
    a, b = moving - moving.mean(0), fixed - fixed.mean(0)
    u, s, vt = np.linalg.svd(a.T @ b)
    spread = np.linalg.svd(a, compute_uv=False)
    if spread[2] < 1e-6 * spread[0]:
        raise ValueError("the landmarks lie in one plane, so they do not say how the head is turned")
    s[2] *= (mirror := np.sign(np.linalg.det(u @ vt)))
    turn = (u * [1, 1, mirror]) @ vt * (s.sum() / (a**2).sum())
    return turn, fixed.mean(0) - moving.mean(0) @ turn


def thin_plate(at: Doubles, shifts: Doubles, points: Doubles, smoothing: float) -> Doubles:
    """Shifts [n, 3] of points that vary as little as shifts [L, 3] given at ``at`` [L, 3] allow.

    smoothing    how far the given ones may be missed, in the unit of the points
    """
    count = len(at)
    affine = np.concatenate([np.ones((count, 1)), at], 1)
    system = np.zeros((count + 4, count + 4))
    system[:count, :count] = smoothing * np.eye(count) - cdist(at, at)
    system[:count, count:], system[count:, :count] = affine, affine.T
    solved = np.linalg.lstsq(system, np.concatenate([shifts, np.zeros((4, 3))]), rcond=None)[0]
    return np.asarray(-cdist(points, at) @ solved[:count] + solved[count] + points @ solved[count + 1 :])


def _rigid(
    surface: Surface, points: Doubles, normals: NDArray[np.float32], turn: Doubles, shift: Doubles, rounds: int
) -> tuple[Doubles, Doubles, float]:
    """Turn, scale and shift that bring the best fitting points onto the surface, and these points' mean distance."""
    error = np.inf
    for _ in range(rounds):
        turned = normals @ turn
        facing = turned / np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
        found = surface.nearest(points @ turn + shift, facing)
        best = found.distance <= np.quantile(found.distance, TRIMMED)
        best &= found.triangle >= 0
        if best.sum() < 10:
            return turn, shift, np.inf
        error = float(found.distance[best].mean())
        turn, shift = similarity(points[best], _on(surface, found)[best])
    return turn, shift, error


def _on(surface: Surface, found: Nearest) -> Doubles:
    """The points that were found, [n, 3]."""
    inverse = np.empty_like(surface.order)
    inverse[surface.order] = np.arange(len(inverse))
    return np.asarray(np.einsum("nk,nkc->nc", found.weight, surface.corners[inverse[found.triangle]]))


def _boxed(source: Mesh, target: Mesh) -> list[tuple[Doubles, Doubles]]:
    """Placements that put one head's box onto the other's, at several scales: necks and shoulders differ."""
    starts = []
    for quantile in (0.0, 0.1, 0.25):
        low, high = (np.quantile(mesh.vertices, (quantile, 1), axis=0) for mesh in (source, target))
        # From the top of the head down, as wide as the head: its neck says nothing.
        scale = np.ptp(source.vertices[:, 0]) / np.ptp(target.vertices[:, 0])
        for factor in (0.85, 1.0, 1.15):
            turn = np.eye(3) * scale * factor
            shift = (low[0] + low[1]) / 2 - (high[0] + high[1]) / 2 * scale * factor
            starts.append((turn, shift))
    return starts


def _facing(
    surface: Surface, border: NDArray[np.bool_], placed: Doubles, triangles: NDArray[np.int64], height: float
) -> tuple[Nearest, NDArray[np.bool_]]:
    """The nearest points that face the same way, and where they can be trusted: near, and on no border."""
    blank = np.zeros((0, 2), np.float32)
    normals = vertex_normals(Mesh(placed.astype(np.float32), blank, triangles, triangles))
    found = surface.nearest(placed, normals.astype(np.float64))
    edge = ((found.weight < 1e-9) & border[found.triangle]).any(1)
    return found, (found.triangle >= 0) & (found.distance < FAR * height) & ~edge


def _points(source: Mesh, found: Nearest) -> Doubles:
    corners = source.vertices.astype(np.float64)[source.triangles[found.triangle]]
    return np.asarray(np.einsum("nk,nkc->nc", found.weight, corners))


def _spread(drawn: Doubles, trusted: NDArray[np.bool_], edges: NDArray[np.int64], stiffness: float) -> Doubles:
    """Shifts [N, 3] near ``drawn`` where that is trusted, and alike along edges.

    stiffness    how many edges far a vertex takes its neighbours with it
    """
    count = len(drawn)
    ends = np.concatenate([edges, edges[:, ::-1]])
    links = sparse.coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), (count, count)).tocsr()
    laplacian = sparse.diags_array(links.sum(1)) - links
    weight = trusted.astype(np.float64)
    system = sparse.diags_array(weight + 1e-9) + stiffness**2 / 4 * laplacian
    return np.asarray(splu(system.tocsc()).solve(weight[:, None] * drawn))


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Edges [E, 2], each once."""
    return np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1), axis=0)


def _edge_length(vertices: Doubles, triangles: NDArray[np.int64]) -> float:
    """Median length of the edges."""
    ends = vertices[_edges(triangles)]
    return float(np.median(np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)))


def _border(triangles: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of every triangle, whether the edge opposite to each corner is on the mesh's border, bool [F, 3]."""
    edges = np.sort(triangles[:, [[1, 2], [2, 0], [0, 1]]], -1)
    _, inverse, counts = np.unique(edges.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True)
    return np.asarray((counts == 1)[inverse.reshape(-1)].reshape(-1, 3))
