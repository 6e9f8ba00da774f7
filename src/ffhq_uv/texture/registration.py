"""Sub-pixel registration: how far the faces are off from where the geometry says, as one shift for each view.

The side views are registered to the front one over texels that both show (Lucas and Kanade 1981, coarse to fine, with
a gain and an offset for their light, outliers weighted down), and the mean of the three shifts is taken off again: the
geometry of no view is better than another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.geometry import FRONT, VIEWS
from ffhq_uv.kernel import kernel
from ffhq_uv.texture.unwrap import TexelGroups

Floats = NDArray[np.float32]

LEVELS = 4
"""Octaves of the faces that are registered, the coarsest first."""
ROUNDS = 4
"""Steps on every level."""
FURTHEST = 16.0
"""A view that seems to be off by more is left where it is, pixels at 1024."""
FEWEST = 100
"""Texels that two views must share to be registered to each other."""
OUTLIER = 8.0
"""Grey levels at which a texel's say is halved."""
EVERY = 32
"""One texel in so many is looked at."""
SCOUT_COSINE = 0.35
"""What is seen at a smaller cosine tells little of where a view is."""


@dataclass(frozen=True)
class Scouts:
    """A few texels of a map, spread over it, that find out about the views.

    corners   int32 [M, 3], vertices around them; weight float32 [M, 3], barycentric
    """

    corners: NDArray[np.int32]
    weight: Floats

    @classmethod
    def among(cls, groups: TexelGroups) -> Scouts:
        """Take one in `EVERY` texels; on small maps more, so that there are some 20,000."""
        every = np.arange(0, len(groups.texel), max(1, min(EVERY, len(groups.texel) // 20000)))
        group = np.searchsorted(groups.start, every, side="right") - 1
        return cls(groups.corners[group], groups.weight[every])

    def look(self, xy: Floats, normals: Floats, skin: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Where the views show them, [M, 3, 2] pixels, and how far that is to be trusted, [M, 3] (0: not shown)."""
        places = np.empty((len(self.corners), len(VIEWS), 2), np.float32)
        trust = np.zeros(places.shape[:2], np.float32)
        _look(self.corners, self.weight, xy, normals, skin, places, trust)
        return places, trust

    @staticmethod
    def colours(faces: NDArray[np.uint8], places: Floats) -> Floats:
        """The views' colours there, [M, 3, 3] (texel, view, channel), of the pixel next to the place."""
        last = np.array([faces.shape[2] - 1, faces.shape[1] - 1])
        at = np.rint(places).astype(np.int64).clip(0, last)
        colours = faces[np.arange(len(faces)), at[..., 1], at[..., 0]]
        return np.asarray(colours, np.float32)


@dataclass(frozen=True)
class Registration:
    """Where the faces are, and how well they then agree.

    shifts      float32 [3, 2], to add to every view's places, pixels
    error       how far the views still seem to be off each other, pixels: the root of their squared differences over
                that of their squared gradients
    """

    shifts: Floats
    error: float


def octaves(faces: NDArray[np.uint8]) -> list[Floats]:
    """Luma of faces uint8 [3, H, W, 3] at ever half the size: float32 [3, h, w] each, the finest first."""
    levels = [np.stack([cv2.cvtColor(face, cv2.COLOR_RGB2GRAY) for face in faces]).astype(np.float32)]
    while len(levels) < LEVELS and min(levels[-1].shape[1:]) >= 32:
        size = levels[-1].shape[2] // 2, levels[-1].shape[1] // 2
        half = [cv2.resize(view, size, interpolation=cv2.INTER_AREA) for view in levels[-1]]
        levels.append(np.stack(half).astype(np.float32))
    return levels


def register(levels: Sequence[Floats], places: Floats, trust: Floats) -> Registration:
    """Register the views at texels that land at ``places`` [M, 3, 2] (pixels) with ``trust`` [M, 3] (0: hidden)."""
    shifts = np.zeros((len(VIEWS), 2), np.float32)
    squares, gradients = 0.0, 0.0
    limit = FURTHEST * levels[0].shape[2] / 1024
    for view in range(len(VIEWS)):
        if view == FRONT:
            continue
        both = np.minimum(trust[:, view], trust[:, FRONT])
        shared = both > 0
        if shared.sum() < FEWEST:
            continue
        found, totals = _shift(levels, places[shared][:, [FRONT, view]], both[shared], view)
        if np.hypot(*found) < limit:
            shifts[view] = found
            squares, gradients = squares + totals[0], gradients + totals[1]
    error = float(np.sqrt(squares / gradients)) if gradients > 0 else np.inf
    return Registration(shifts - shifts.mean(0), error)


def _shift(levels: Sequence[Floats], places: Floats, trust: Floats, view: int) -> tuple[NDArray[np.float64], Floats]:
    """A view's shift to the front one, pixels; and the weighted sums of squared differences and gradients."""
    state = np.array([0.0, 0.0, 1.0, 0.0])  # shift, gain, offset
    totals = np.zeros(2, np.float32)
    for level in reversed(range(len(levels))):
        faces, scale = levels[level], 2.0**level
        at = (places + np.float32(0.5)) / np.float32(scale) - np.float32(0.5)
        state[:2] /= scale
        for _ in range(ROUNDS):
            normal, right = np.zeros((4, 4)), np.zeros(4)
            _accumulate(faces[FRONT], faces[view], at, trust, state, OUTLIER, normal, right, totals)
            normal[np.diag_indices(4)] += [1e-3, 1e-3, 1e-3, 1e-3]
            step = np.linalg.solve(normal, right)
            state += step
            if np.hypot(step[0], step[1]) < 2e-3:
                break
        state[:2] *= scale
    return state[:2], totals


@kernel
def _look(
    corners: NDArray[np.int32],
    weight: Floats,
    xy: Floats,
    normals: Floats,
    skin: NDArray[np.bool_],
    places: Floats,
    trust: Floats,
) -> None:
    """See `Scouts.look`; into ``places`` and ``trust``, the latter 0 before."""
    height, width = skin.shape[1:]
    half, least = np.float32(0.5), np.float32(SCOUT_COSINE)
    for k in range(len(corners)):
        a, b, c = corners[k]
        wa, wb, wc = weight[k]
        for view in range(3):
            x = wa * xy[view, a, 0] + wb * xy[view, b, 0] + wc * xy[view, c, 0]
            y = wa * xy[view, a, 1] + wb * xy[view, b, 1] + wc * xy[view, c, 1]
            cosine = wa * normals[view, a, 2] + wb * normals[view, b, 2] + wc * normals[view, c, 2]
            places[k, view, 0], places[k, view, 1] = x, y
            if cosine <= least or not (x >= 0 and y >= 0 and x < width - 1 and y < height - 1):
                continue
            if skin[view, int(y + half), int(x + half)]:
                trust[k, view] = cosine


@kernel
def _accumulate(
    front: Floats,
    side: Floats,
    places: Floats,
    trust: Floats,
    state: NDArray[np.float64],
    outlier: float,
    normal: NDArray[np.float64],
    right: NDArray[np.float64],
    totals: Floats,
) -> None:
    """Add the normal equations of one Gauss-Newton step (shift, gain, offset), and what is left before it."""
    height, width = front.shape
    j = np.empty(4)
    squares, gradients = 0.0, 0.0
    for k in range(len(places)):
        x, y = places[k, 0]
        u, v = places[k, 1, 0] + state[0], places[k, 1, 1] + state[1]
        if not (x >= 1 and y >= 1 and u >= 1 and v >= 1):
            continue
        if not (x < width - 2 and y < height - 2 and u < width - 2 and v < height - 2):
            continue
        c, r = int(x), int(y)
        dx, dy = x - c, y - r
        wanted = (front[r, c] * (1 - dx) + front[r, c + 1] * dx) * (1 - dy) + (
            front[r + 1, c] * (1 - dx) + front[r + 1, c + 1] * dx
        ) * dy
        c, r = int(u), int(v)
        dx, dy = u - c, v - r
        value = (side[r, c] * (1 - dx) + side[r, c + 1] * dx) * (1 - dy) + (
            side[r + 1, c] * (1 - dx) + side[r + 1, c + 1] * dx
        ) * dy
        gx = (side[r, c + 1] - side[r, c]) * (1 - dy) + (side[r + 1, c + 1] - side[r + 1, c]) * dy
        gy = (side[r + 1, c] - side[r, c]) * (1 - dx) + (side[r + 1, c + 1] - side[r, c + 1]) * dx
        j[0], j[1], j[2], j[3] = state[2] * gx, state[2] * gy, value, 1.0
        residual = wanted - (state[2] * value + state[3])
        weight = trust[k] / (1 + (residual / outlier) ** 2)
        squares += weight * residual * residual
        gradients += weight * (j[0] * j[0] + j[1] * j[1])
        for a in range(4):
            right[a] += weight * j[a] * residual
            for b in range(4):
                normal[a, b] += weight * j[a] * j[b]
    totals[0], totals[1] = squares, gradients
