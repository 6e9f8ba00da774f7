"""A head with eyeballs: balls beside a mesh, their UV coordinates where one likes."""

from __future__ import annotations

import numpy as np

from ffhq_uv.texture.mesh import Mesh

RINGS, AROUND = 10, 16


def ball(centre: tuple[float, float, float], radius: float, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and triangles of a ball that looks along z, outside seen against the clock; ``stretch`` along y."""
    tilt = np.linspace(0, np.pi, RINGS + 1)[1:-1, None]
    turn = np.arange(AROUND) / AROUND * 2 * np.pi
    rings = np.stack(
        np.broadcast_arrays(np.sin(tilt) * np.cos(turn), stretch * np.sin(tilt) * np.sin(turn), np.cos(tilt)), -1
    )
    points = np.concatenate([[[0, 0, 1]], rings.reshape(-1, 3), [[0, 0, -1]]])
    here, following, last = np.arange(AROUND), np.roll(np.arange(AROUND), -1), len(points) - 1
    triangles = [np.stack([0 * here, 1 + here, 1 + following], 1)]
    for ring in range(RINGS - 2):
        a, b = 1 + ring * AROUND, 1 + (ring + 1) * AROUND
        triangles += [
            np.stack([a + here, b + here, a + following], 1),
            np.stack([a + following, b + here, b + following], 1),
        ]
    triangles.append(np.stack([last - AROUND + here, np.full(AROUND, last), last - AROUND + following], 1))
    return np.array(centre) + radius * points, np.concatenate(triangles)


def with_balls(mesh: Mesh, corner: tuple[float, float], side: float, stretch: float = 1.0) -> Mesh:
    """The mesh with two balls in front of it, their fronts seen in a square of the layout, one beside the other."""
    height = np.ptp(mesh.vertices[:, 1])
    middle = mesh.vertices.mean(0)
    vertices, uv, triangles, triangles_uv = [mesh.vertices], [mesh.uv], [mesh.triangles], [mesh.triangles_uv]
    for number, x in enumerate((-0.15, 0.15)):
        points, faces = ball((middle[0] + x * height, middle[1], middle[2] + height), 0.05 * height, stretch)
        direction = (points - points.mean(0)) / (0.05 * height)
        angle = np.arccos(direction[:, 2].clip(-1, 1))[:, None]
        across = direction[:, :2] / np.maximum(np.linalg.norm(direction[:, :2], axis=1, keepdims=True), 1e-9)
        places = 0.5 + 0.48 * across * angle / np.pi
        triangles.append(faces + sum(map(len, vertices)))
        triangles_uv.append(faces + sum(map(len, uv)))
        vertices.append(points)
        uv.append(np.array(corner) + side * (places + np.array([number, 0])))
    return Mesh(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(uv).astype(np.float32),
        np.concatenate(triangles),
        np.concatenate(triangles_uv),
    )
