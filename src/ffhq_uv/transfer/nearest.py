"""The nearest point of a triangle mesh whose surface faces the same way: a tree of boxes, searched exactly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]

LEAF = 8
"""Triangles a leaf."""
DEPTH = 64
"""Room for the boxes that wait; a balanced tree of 2^60 leaves fits."""


@dataclass(frozen=True)
class Nearest:
    """Where points meet a mesh.

    triangle   int64 [n]; -1: no triangle faces the same way
    weight     float64 [n, 3], barycentric weights of the nearest point in it
    distance   float64 [n], units of the mesh; infinite where there is none
    """

    triangle: Integers
    weight: Doubles
    distance: Doubles


@dataclass(frozen=True)
class Surface:
    """A triangle mesh, ready to be asked for nearest points.

    corners   float64 [F, 3, 3], in the order of the leaves
    normals   float64 [F, 3], unit, of the same triangles (0 where a triangle has no area)
    order     int64 [F], the mesh's own number of the same triangles
    low, high float64 [K, 3], every node's box; node k has the children 2k+1 and 2k+2, leaves come last
    """

    corners: Doubles
    normals: Doubles
    order: Integers
    low: Doubles
    high: Doubles

    @classmethod
    def of(cls, vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> Surface:
        """The surface of vertices [N, 3] and triangles [F, 3]."""
        corners = vertices.astype(np.float64)[triangles]
        levels = max(0, int(np.ceil(np.log2(max(1, len(triangles)) / LEAF))))
        order = _order(corners.mean(1), levels)
        corners = corners[order]
        flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-300)
        low, high = _boxes(corners, levels)
        return cls(corners, normals, order, low, high)

    def nearest(self, points: Doubles, facing: Doubles | None = None, agree: float = 0.5) -> Nearest:
        """The nearest points of the surface to points [n, 3].

        facing    unit normals [n, 3] of the points: only triangles whose normal has at least ``agree`` (a cosine) in
                  common with it count; None: all count

        One after the other is fastest where neighbours in the list are neighbours in space.
        """
        directions = np.zeros((0, 3)) if facing is None else np.ascontiguousarray(facing, np.float64)
        found, weight, square = _search(
            np.ascontiguousarray(points, np.float64), directions, agree, self.corners, self.normals, self.low, self.high
        )
        triangle = np.where(found >= 0, self.order[found], -1)
        return Nearest(triangle, weight, np.sqrt(square))


def _bounds(count: int, level: int) -> Integers:
    """Where the nodes of a level begin and end in the list of triangles."""
    return np.arange(2**level + 1) * count >> level


def _order(centroids: Doubles, levels: int) -> Integers:
    """Triangles in the order of a balanced tree's leaves: every node is halved along the widest axis."""
    order = np.arange(len(centroids))
    for level in range(levels):
        ends, halves = _bounds(len(order), level), _bounds(len(order), level + 1)[1::2]
        for first, middle, last in zip(ends[:-1], halves, ends[1:], strict=True):
            part = order[first:last]
            axis = np.ptp(centroids[part], axis=0).argmax()
            order[first:last] = part[np.argpartition(centroids[part, axis], middle - first)]
    return order


def _boxes(corners: Doubles, levels: int) -> tuple[Doubles, Doubles]:
    low, high = [], []
    for level in range(levels + 1):
        starts = _bounds(len(corners), level)[:-1]
        low.append(np.minimum.reduceat(corners.min(1), starts))
        high.append(np.maximum.reduceat(corners.max(1), starts))
    return np.concatenate(low), np.concatenate(high)


@kernel
def _outside(point: Doubles, low: Doubles, high: Doubles) -> float:
    """Squared distance of a point from a box."""
    total = 0.0
    for axis in range(3):
        over = max(low[axis] - point[axis], 0.0, point[axis] - high[axis])
        total += over * over
    return total


@kernel
def _dot(a: Doubles, b: Doubles) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@kernel
def _on_segment(point: Doubles, a: Doubles, b: Doubles) -> tuple[float, float]:
    """How far along a-b (0..1) the nearest point lies, and its squared distance."""
    along, length = 0.0, 0.0
    for axis in range(3):
        step = b[axis] - a[axis]
        along += step * (point[axis] - a[axis])
        length += step * step
    t = min(max(along / length, 0.0), 1.0) if length > 0 else 0.0
    square = 0.0
    for axis in range(3):
        off = a[axis] + t * (b[axis] - a[axis]) - point[axis]
        square += off * off
    return t, square


@kernel
def _on_triangle(point: Doubles, corner: Doubles, normal: Doubles, weight: Doubles) -> float:
    """Squared distance of a point from a triangle; ``weight`` receives the nearest point's barycentric weights.

    The foot of the perpendicular where it lies inside, else the nearest point of the three edges.
    """
    a, b, c = corner[0], corner[1], corner[2]
    area, height = 0.0, 0.0
    cross = np.empty(3)
    for axis in range(3):
        j, k = (axis + 1) % 3, (axis + 2) % 3
        cross[axis] = (b[j] - a[j]) * (c[k] - a[k]) - (b[k] - a[k]) * (c[j] - a[j])
        area += cross[axis] * normal[axis]
        height += (point[axis] - a[axis]) * normal[axis]
    if area > 0:
        wb, wc = 0.0, 0.0
        for axis in range(3):
            j, k = (axis + 1) % 3, (axis + 2) % 3
            pj, pk = point[j] - a[j], point[k] - a[k]
            wb += (pj * (c[k] - a[k]) - pk * (c[j] - a[j])) * normal[axis]
            wc += ((b[j] - a[j]) * pk - (b[k] - a[k]) * pj) * normal[axis]
        wb, wc = wb / area, wc / area
        if wb >= 0 and wc >= 0 and wb + wc <= 1:
            weight[0], weight[1], weight[2] = 1 - wb - wc, wb, wc
            return height * height
    best = np.inf
    for edge in range(3):
        first, second = edge, (edge + 1) % 3
        t, square = _on_segment(point, corner[first], corner[second])
        if square < best:
            best = square
            weight[:] = 0
            weight[first], weight[second] = 1 - t, t
    return best


@kernel
def _search(
    points: Doubles, facing: Doubles, agree: float, corners: Doubles, normals: Doubles, low: Doubles, high: Doubles
) -> tuple[Integers, Doubles, Doubles]:
    count, leaves = len(points), (len(low) + 1) // 2
    found = np.full(count, -1, np.int64)
    weights = np.zeros((count, 3))
    squares = np.full(count, np.inf)
    waiting, far = np.empty(DEPTH, np.int64), np.empty(DEPTH)
    weight = np.empty(3)
    directed = len(facing) > 0
    last = -1
    for i in range(count):
        point, best = points[i], np.inf
        if last >= 0 and (not directed or _dot(facing[i], normals[last]) >= agree):
            best = _on_triangle(point, corners[last], normals[last], weight)
            found[i], weights[i] = last, weight
        waiting[0], far[0], top = 0, _outside(point, low[0], high[0]), 1
        while top:
            top -= 1
            if far[top] >= best:
                continue
            node = waiting[top]
            if node >= leaves - 1:
                place = node - (leaves - 1)
                for t in range(place * len(corners) // leaves, (place + 1) * len(corners) // leaves):
                    if directed and _dot(facing[i], normals[t]) < agree:
                        continue
                    square = _on_triangle(point, corners[t], normals[t], weight)
                    if square < best:
                        best = square
                        found[i], weights[i] = t, weight
                continue
            left, right = 2 * node + 1, 2 * node + 2
            to_left = _outside(point, low[left], high[left])
            to_right = _outside(point, low[right], high[right])
            if to_left < to_right:
                waiting[top], far[top], waiting[top + 1], far[top + 1] = right, to_right, left, to_left
            else:
                waiting[top], far[top], waiting[top + 1], far[top + 1] = left, to_left, right, to_right
            top += 2
        squares[i] = best
        last = found[i]
    return found, weights, squares
