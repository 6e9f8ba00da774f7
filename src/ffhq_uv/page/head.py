"""Heads as the page's viewer draws them: one list of triangles for all, closed, and each head's own positions.

A head's mesh has holes: the neck is cut, the eyes of the published topology are empty. Every hole gets a shallow dome
of rings that shrink from its rim to a point and take the texture's colour at the rim, so that no view looks into the
head or ends at a cut. Sockets that are pockets of the mesh get eyeballs (`eyes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.page.eyes import ball_triangles, ball_uv
from ffhq_uv.page.script import packed

RINGS = 6
"""Rings of a dome, the last one a point."""
HEIGHT = 0.35
"""Height of a dome, in mean radii of its rim."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Holes:
    """The rims of a mesh's holes: of each the vertices and the UV coordinates of its corners, in order, int64 [k]."""

    rims: tuple[tuple[Ints, Ints], ...]


def holes(triangles: Ints, triangles_uv: Ints) -> Holes:
    """The holes of a mesh [F, 3]: loops of edges that only one triangle has. Loops that touch themselves stay open."""
    edges = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    corners = np.concatenate([triangles_uv[:, a] for a in range(3)])
    count = int(triangles.max()) + 1
    keys = np.sort(edges, 1) @ np.array([count, 1])
    _, index, times = np.unique(keys, return_index=True, return_counts=True)
    single = index[times == 1]
    after = {int(a): (int(b), int(uv)) for (a, b), uv in zip(edges[single], corners[single], strict=True)}
    rims = []
    while after:
        start = here = next(iter(after))
        rim = []
        while here in after:
            following, uv = after.pop(here)
            rim.append((here, uv))
            here = following
        if here == start and len(rim) > 2:
            vertices, uv_corners = np.array(rim, np.int64).T
            rims.append((vertices, uv_corners))
    return Holes(tuple(rims))


def topology(triangles: Ints, triangles_uv: Ints, uv: Floats, vertices: int, eyes: int = 0) -> dict[str, Any]:
    """What all heads of a topology of ``vertices`` vertices and so many eyeballs share, as the page's viewer reads it.

    vertices   of a head with its domes and eyeballs
    corners    int: the distinct pairs of vertex and UV coordinate, that the index counts
    vertex     uint16 or uint32 [corners]
    uv         uint16 [corners, 2], 65535 is 1; v down
    index      uint16 or uint32 [3 (F + domes + eyeballs)]
    eyes       how many of the index's last numbers are eyeballs'
    """
    found = holes(triangles, triangles_uv)
    extra, extra_uv, total = _dome_triangles(found, vertices)
    ball, of_ball = ball_triangles(), len(ball_uv())
    balls = [ball + k * of_ball for k in range(eyes)]
    all_vertices = np.concatenate([triangles, extra, *(total + part for part in balls)]).reshape(-1)
    all_uv = np.concatenate([triangles_uv, extra_uv, *(len(uv) + part for part in balls)]).reshape(-1)
    uv = np.concatenate([uv, *[ball_uv()] * eyes])
    total += eyes * of_ball
    pairs, index = np.unique(np.stack([all_vertices, all_uv], 1), axis=0, return_inverse=True)
    coordinates = uv[pairs[:, 1]].astype(np.float64)
    coordinates[:, 1] = 1 - coordinates[:, 1]
    return {
        "vertices": total,
        "corners": len(pairs),
        "wide": len(pairs) > 65535 or total > 65535,
        "vertex": packed(_narrow(pairs[:, 0], len(pairs), total)),
        "uv": packed(np.round(coordinates.clip(0, 1) * 65535).astype(np.uint16)),
        "index": packed(_narrow(index.reshape(-1), len(pairs), total)),
        "eyes": eyes * ball.size,
    }


def _narrow(values: Ints, corners: int, vertices: int) -> NDArray[Any]:
    return values.astype(np.uint32 if max(corners, vertices) > 65535 else np.uint16)


def _dome_triangles(found: Holes, vertices: int) -> tuple[Ints, Ints, int]:
    """Triangles of the domes and of their UV coordinates [.., 3], and the number of vertices with the domes'."""
    triangles, coordinates, base = [np.empty((0, 3), np.int64)], [np.empty((0, 3), np.int64)], vertices
    for rim, rim_uv in found.rims:
        k = len(rim)
        ring, following = rim, np.roll(np.arange(k), -1)
        for step in range(RINGS):
            inner = base + (np.arange(k) if step < RINGS - 1 else np.zeros(k, np.int64))
            base += k if step < RINGS - 1 else 1
            # The mesh walks along a rim one way, the dome the other: both face outwards.
            triangles += [
                np.stack([ring[following], ring, inner], 1),
                np.stack([ring[following], inner, inner[following]], 1),
            ]
            coordinates += [
                np.stack([rim_uv[following], rim_uv, rim_uv], 1),
                np.stack([rim_uv[following], rim_uv, rim_uv[following]], 1),
            ]
            ring = inner
        # The last ring is a point: its second triangles have no area.
        triangles.pop()
        coordinates.pop()
    return np.concatenate(triangles), np.concatenate(coordinates), base


def closed(vertices: Floats, found: Holes) -> Floats:
    """A head's vertices float32 [N, 3] with those of its domes after them."""
    parts = [vertices]
    for rim, _ in found.rims:
        edge = vertices[rim].astype(np.float64)
        centre = edge.mean(0)
        radius = np.linalg.norm(edge - centre, axis=1).mean()
        # Twice the area that the rim encloses, as a vector (Newell): the walk keeps the mesh on its left.
        normal = -np.cross(edge - centre, np.roll(edge, -1, 0) - centre).sum(0)
        normal /= max(np.linalg.norm(normal), 1e-12)
        for step in range(1, RINGS + 1):
            angle = step / RINGS * np.pi / 2
            ring = centre + np.cos(angle) * (edge - centre) + HEIGHT * radius * np.sin(angle) * normal
            parts.append((ring if step < RINGS else ring[:1]).astype(np.float32))
    return np.concatenate(parts)


def positions(vertices: Floats) -> dict[str, Any]:
    """A closed head [N, 3] as the page's viewer reads it: uint16 between its own least and largest coordinates."""
    low, high = vertices.min(0).astype(np.float64), vertices.max(0).astype(np.float64)
    scaled = (vertices - low) / np.maximum(high - low, 1e-12)
    return {
        "low": low.tolist(),
        "high": high.tolist(),
        "positions": packed(np.round(scaled * 65535).astype(np.uint16)),
    }
