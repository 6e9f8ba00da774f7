"""Light: second-order spherical harmonics in DPR's order, and how much of it reaches each vertex.

Coefficients are ordered 1, Y, Z, X, YX, YZ, 3Z²-1, XZ, X²-Y² in DPR's axes: X to the viewer's right, Y away
from the viewer, Z up. Shading is normalised so that the uniform light [1, 0, ..., 0] gives 1 on an open
surface. The light turns with the head: the three views of a person show the same shading, as if the camera
walked around them.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.studio.head import head
from ffhq_uv.studio.raster import depth_map
from ffhq_uv.studio.sums import weighted_sums

Floats = NDArray[np.float32]

FILL = 0.55
"""Share of the shadow that scattered light fills."""
DIRECTIONS = 128
"""Directions from which the head's own shadow is tried."""


def harmonics(normals: Floats) -> Floats:
    """The nine real spherical harmonics of unit vectors [..., 3] in model axes: [..., 9]."""
    x, y, z = normals[..., 0], -normals[..., 2], normals[..., 1]
    k0, k1 = np.sqrt(1 / (4 * np.pi)), np.sqrt(3 / (4 * np.pi))
    k2, k3, k4 = np.sqrt(15 / (4 * np.pi)), np.sqrt(5 / (16 * np.pi)), np.sqrt(15 / (16 * np.pi))
    return np.stack(
        [k0 + 0 * x, k1 * y, k1 * z, k1 * x, k2 * y * x, k2 * y * z, k3 * (3 * z * z - 1), k2 * x * z,
         k4 * (x * x - y * y)], -1,
    ).astype(np.float32)  # fmt: skip


COSINE = np.array([np.pi] + [2 * np.pi / 3] * 3 + [np.pi / 4] * 5, np.float32)
"""Convolution of the harmonics with the clamped cosine (Ramamoorthi and Hanrahan 2001)."""
UNIT = float(1 / (np.pi * np.sqrt(1 / (4 * np.pi))))


def irradiance(normals: Floats) -> Floats:
    """Shading of unit normals [..., 3] per light coefficient, without shadow: [..., 9]."""
    return harmonics(normals) * COSINE * np.float32(UNIT)


def normals(vertices: Floats) -> Floats:
    """Unit normals [N, 3] of the head with the given vertices: the mean of the unit normals around each."""
    total = np.zeros_like(vertices)
    _add_normals(vertices, head().triangles, total)
    return total


@kernel
def _add_normals(vertices: Floats, triangles: NDArray[np.int64], total: Floats) -> None:
    for t in range(len(triangles)):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, vx = vertices[b, 0] - vertices[a, 0], vertices[c, 0] - vertices[a, 0]
        uy, vy = vertices[b, 1] - vertices[a, 1], vertices[c, 1] - vertices[a, 1]
        uz, vz = vertices[b, 2] - vertices[a, 2], vertices[c, 2] - vertices[a, 2]
        x, y, z = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        length = np.sqrt(x * x + y * y + z * z) + 1e-12
        for k in (a, b, c):
            total[k, 0] += x / length
            total[k, 1] += y / length
            total[k, 2] += z / length
    for k in range(len(total)):
        x, y, z = total[k, 0], total[k, 1], total[k, 2]
        length = np.sqrt(x * x + y * y + z * z) + 1e-12
        for axis in range(3):
            total[k, axis] /= length


@cache
def transfer() -> tuple[Floats, Floats]:
    """Precomputed transfer of the mean head (Sloan et al. 2002): shading per light coefficient, with shadows.

    Returns transfer - openness * irradiance, float32 [N, 9], and the openness [N] (1 = sees the whole
    hemisphere), so that ``shading`` is exact on the mean head and right to first order in a change of
    normals.
    """
    mean = head().mean
    normal = normals(mean)
    k = np.arange(DIRECTIONS) + 0.5
    polar, around = np.arccos(1 - 2 * k / DIRECTIONS), np.pi * (1 + 5**0.5) * k
    towards = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], -1).astype(
        np.float32
    )
    total = np.zeros((len(mean), 9), np.float32)
    open_ = np.zeros(len(mean), np.float32)
    whole = np.zeros((len(mean), 9), np.float32)
    for direction in towards:
        cosine = np.maximum(weighted_sums(normal, direction), 0)
        seen = depth_map(mean, head().triangles, direction)
        weight = cosine * (4 * np.pi / DIRECTIONS * UNIT)
        basis = harmonics(direction)
        total += (seen * weight)[:, None] * basis
        whole += weight[:, None] * basis
        open_ += seen * cosine
    openness = open_ / np.maximum(whole[:, 0] / (4 * np.pi / DIRECTIONS * UNIT * harmonics(towards[0])[0]), 1e-6)
    neighbours = head().triangles
    total, openness = smoothed(total, neighbours), smoothed(openness[:, None], neighbours)[:, 0]
    # Skin scatters light into its own shadows: a part of what is lost comes back.
    back = FILL * (1 - openness)[:, None] * irradiance(normal)
    total, openness = total + back, openness + FILL * (1 - openness)
    rest = total - openness[:, None] * irradiance(normal)
    return rest.astype(np.float32), openness.astype(np.float32)


def smoothed(values: Floats, triangles: NDArray[np.int64]) -> Floats:
    """Values [N, C], each replaced by the mean over the corners of the triangles around it, twice."""
    for _ in range(2):
        corner_mean = values[triangles].mean(1)
        total = np.zeros_like(values)
        count = np.zeros(len(values), np.float32)
        for k in range(3):
            np.add.at(total, triangles[:, k], corner_mean)
            np.add.at(count, triangles[:, k], 1)
        values = total / count[:, None]
    return values


def shading(normal: Floats, light: Floats) -> Floats:
    """Shading [N] of the head's vertices with unit normals [N, 3] under light [9]; never below 0.02."""
    rest, openness = transfer()
    lit = weighted_sums(rest, light) + openness * weighted_sums(irradiance(normal), light)
    return np.asarray(np.maximum(lit, 0.02), np.float32)
