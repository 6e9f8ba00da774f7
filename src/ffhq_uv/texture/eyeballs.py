"""Eyeballs of heads that have them (FLAME, ICT-FaceKit): found by their shape, and painted, since maps have no eyes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.rasterise import rasterise_uv

ROUND = 0.06
"""How far off a ball an eyeball's vertices are at most, in its radii: a cornea stands out by less."""
RADII = (0.02, 0.15)
"""Least and largest radius of an eyeball, in the head's heights."""
FEWEST = 40
"""Triangles of an eyeball."""
SMALLEST = 12
"""Side of a picture of an eye, texels; where there is less room, there is none."""
PUPIL, IRIS = np.radians(12), np.radians(29)
"""How far from the gaze they reach, seen from the ball's centre."""
BLACK, BROWN, WHITE = (12.0, 10.0, 10.0), (88.0, 60.0, 42.0), (226.0, 217.0, 211.0)


@dataclass(frozen=True)
class Eyeball:
    """A ball of a mesh: its triangles int64 [k], its centre [3] and radius. It looks along z."""

    triangles: NDArray[np.int64]
    centre: NDArray[np.float64]
    radius: float


def find_eyeballs(mesh: Mesh) -> list[Eyeball]:
    """Pieces of a mesh that hang together with nothing else, are round and as large as eyes."""
    count = len(mesh.vertices)
    ends = mesh.triangles[:, [0, 1, 2]], mesh.triangles[:, [1, 2, 0]]
    links = coo_array((np.ones(mesh.triangles.size), (ends[0].ravel(), ends[1].ravel())), (count, count))
    piece = connected_components(links, directed=False)[1][mesh.triangles[:, 0]]
    height = float(np.ptp(mesh.vertices[:, 1].astype(np.float64)))
    found = []
    for number in np.unique(piece):
        triangles = np.flatnonzero(piece == number)
        if len(triangles) < FEWEST or len(triangles) == len(piece):
            continue
        centre, radius, off = _ball(mesh.vertices[np.unique(mesh.triangles[triangles])].astype(np.float64))
        if off < ROUND and RADII[0] * height < radius < RADII[1] * height:
            found.append(Eyeball(triangles, centre, radius))
    return found


def _ball(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, float]:
    """Centre and radius of the ball nearest to points [n, 3], and how far off it one is at most, in radii."""
    middle = points.mean(0)
    near = points - middle
    solved = np.linalg.lstsq(np.c_[2 * near, np.ones(len(near))], (near**2).sum(1), rcond=None)[0]
    radius = float(np.sqrt(max(solved[3] + solved[:3] @ solved[:3], 0)))
    distance = np.linalg.norm(near - solved[:3], axis=1)
    return middle + solved[:3], radius, float(np.abs(distance - radius).max() / max(radius, 1e-12))


def placed(mesh: Mesh, eyes: Sequence[Eyeball], size: int) -> Mesh:
    """The mesh, its eyeballs' UV coordinates inside of the map of ``size`` texels.

    Where they lie in other tiles (upstream's FLAME with HiFi3D++'s UV coordinates), all of them get the largest square
    that no other triangle covers, as seen from the front with the back around it.
    """
    corners = mesh.uv[mesh.triangles_uv]
    away = [eye for eye in eyes if not ((corners[eye.triangles] >= 0) & (corners[eye.triangles] <= 1)).all()]
    if not away:
        return mesh
    skin = np.setdiff1d(np.arange(len(corners)), np.concatenate([eye.triangles for eye in eyes]))
    covered = rasterise_uv(mesh.triangles[skin], mesh.triangles_uv[skin], mesh.uv, size)[2]
    room = cv2.distanceTransform(np.pad(~covered, 1).astype(np.uint8), cv2.DIST_C, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(room), room.shape)
    half = float(room[row, column]) - 1.5  # a texel's breadth stays between an eye and the skin
    if 2 * half < SMALLEST:
        return mesh
    uv, triangles_uv = [mesh.uv], mesh.triangles_uv.copy()
    for eye in away:
        vertices, order = np.unique(mesh.triangles[eye.triangles], return_inverse=True)
        direction, angle = _seen(mesh.vertices[vertices].astype(np.float64), eye)
        across = direction[:, :2] / np.maximum(np.linalg.norm(direction[:, :2], axis=1, keepdims=True), 1e-12)
        at = across * (angle / np.pi * half)[:, None]
        triangles_uv[eye.triangles] = sum(map(len, uv)) + order.reshape(-1, 3)
        uv.append((np.stack([column + 0.5 + at[:, 0], size - row - 0.5 + at[:, 1]], 1) / size).astype(np.float32))
    return Mesh(mesh.vertices, np.concatenate(uv), mesh.triangles, triangles_uv)


def painted(mesh: Mesh, eyes: Sequence[Eyeball], size: int) -> tuple[NDArray[np.bool_], NDArray[np.uint8]]:
    """Texels of eyeballs, bool [S, S], and the colours of these, uint8 [n, 3] RGB: pupil, iris and white."""
    mask, colours = np.zeros((size, size), bool), np.zeros((size, size, 3), np.uint8)
    for eye in eyes:
        index, weight, inside = rasterise_uv(
            mesh.triangles[eye.triangles], mesh.triangles_uv[eye.triangles], mesh.uv, size
        )
        points = np.einsum("nk,nkc->nc", weight[inside].astype(np.float64), mesh.vertices[index[inside]])
        colours[inside], mask = _colours(_seen(points, eye)[1]), mask | inside
    return mask, colours[mask]


def _seen(points: NDArray[np.float64], eye: Eyeball) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit directions [n, 3] of points from an eye's centre, and their angles [n] from its gaze."""
    away = points - eye.centre
    direction = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
    return direction, np.arccos(direction[:, 2].clip(-1, 1))


def _colours(angle: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colours [n, 3] at angles from the gaze: edges are as soft as two degrees, the iris darkens to its rim."""
    soft = np.radians(2)
    beyond_pupil, beyond_iris = (((angle - edge) / soft + 0.5).clip(0, 1)[:, None] for edge in (PUPIL, IRIS))
    iris = np.array(BROWN) * (1.1 - 0.6 * (angle / IRIS).clip(0, 1) ** 3)[:, None]
    inner = np.array(BLACK) * (1 - beyond_pupil) + iris * beyond_pupil
    return np.asarray(np.rint(inner * (1 - beyond_iris) + np.array(WHITE) * beyond_iris), np.uint8)
