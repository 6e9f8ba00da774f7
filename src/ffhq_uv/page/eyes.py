"""Eyeballs for heads whose sockets are empty, as those of the published topology: the viewer paints them.

Maps have no colour for eyes there. Without them the viewer would look into a socket's red inside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIDS = (slice(36, 42), slice(42, 48))
"""The landmarks of each eye in iBUG's order: a corner, two above, the other corner, two below."""
RADIUS = 0.48
"""Radius of an eyeball, in distances between the corners of its eye."""
EMPTY = 0.06
"""How far behind its lids' plane a socket's surface lies, in the same distances, to count as empty."""
RINGS, AROUND = 8, 24
"""Rings of a ball's front half, from its pole to its edge, and vertices of each."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


def sockets(vertices: Floats, keypoints: Ints) -> Ints:
    """The lids' vertices int64 [k, 6] of the eyes that nothing fills, of a head [N, 3] with 68 landmarks."""
    return np.array([lids for part in LIDS if _is_empty(vertices, lids := keypoints[part])], np.int64).reshape(-1, 6)


def _is_empty(vertices: Floats, lids: Ints) -> bool:
    centre, across, up, outwards, width = _frame(vertices[lids])
    local = vertices - centre
    opening = np.hypot(local @ across, local @ up) < 0.1 * width
    near = local @ outwards > -2 * width
    return bool((local @ outwards)[opening & near].max(initial=-np.inf) < -EMPTY * width)


def _frame(lids: Floats) -> tuple[Floats, Floats, Floats, Floats, float]:
    """Centre of the lids [6, 3], unit vectors across, up and outwards, and the distance between the corners."""
    across = lids[3] - lids[0]
    width = float(np.linalg.norm(across))
    across = across / max(width, 1e-12)
    up = lids[1] + lids[2] - lids[4] - lids[5]
    up = up - (up @ across) * across
    up = up / max(float(np.linalg.norm(up)), 1e-12)
    return lids.mean(0), across, up, np.cross(across, up), width


def eyeballs(vertices: Floats, found: Ints) -> Floats:
    """Front halves of the balls of a head's empty sockets, float32 [k (RINGS AROUND + 1), 3]: all look the same way.

    A ball touches the middles of its lids from behind.
    """
    if not len(found):
        return np.empty((0, 3), np.float32)
    frames = [_frame(vertices[lids]) for lids in found]
    gaze = np.sum([outwards for *_, outwards, _ in frames], 0)
    gaze /= max(float(np.linalg.norm(gaze)), 1e-12)
    balls = []
    for lids, (centre, across, *_, width) in zip(found, frames, strict=True):
        radius = RADIUS * width
        middles = vertices[lids[[1, 2, 4, 5]]] - centre
        depth = middles @ gaze
        beside = np.linalg.norm(middles - depth[:, None] * gaze, axis=1).mean()
        middle = centre + (depth.mean() - np.sqrt(max(radius**2 - beside**2, 0)) - 0.02 * width) * gaze
        right = across - (across @ gaze) * gaze
        right /= max(float(np.linalg.norm(right)), 1e-12)
        basis = np.stack([right, np.cross(gaze, right), gaze])
        balls.append(middle + radius * _BALL @ basis)
    return np.concatenate(balls).astype(np.float32)


def _ball() -> NDArray[np.float64]:
    """The front half of a unit ball that looks along z: its pole, then its rings."""
    tilt = (np.arange(1, RINGS + 1) / RINGS * np.pi / 2)[:, None]
    turn = (np.arange(AROUND) / AROUND * 2 * np.pi)[None]
    rings = np.stack(np.broadcast_arrays(np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)), -1)
    return np.concatenate([[[0.0, 0.0, 1.0]], rings.reshape(-1, 3)])


def ball_triangles() -> Ints:
    """Triangles int64 [.., 3] of one ball's vertices, seen from outside against the clock."""
    here = np.arange(AROUND)
    following = np.roll(here, -1)
    parts = [np.stack([np.zeros_like(here), 1 + here, 1 + following], 1)]
    for ring in range(RINGS - 1):
        inner, outer = 1 + ring * AROUND, 1 + (ring + 1) * AROUND
        parts.append(np.stack([inner + here, outer + here, inner + following], 1))
        parts.append(np.stack([inner + following, outer + here, outer + following], 1))
    return np.concatenate(parts)


def ball_uv() -> Floats:
    """UV coordinates float32 [.., 2] of one ball's vertices: as seen from the front, the pole at 0.5, 0.5."""
    return (0.5 + 0.5 * _BALL[:, :2]).astype(np.float32)


_BALL = _ball()
