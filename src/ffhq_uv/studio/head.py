"""The studio's head: a linear model (mean, identity and expression shapes) on a grid of the UV square.

The head is written down once, as a smooth function of the *layout*: ``s``, pixels of the 1024 map to the
right of its middle column, and ``r``, pixels from its top row. Features stand where the published layout has
them (nose tip at row 468, eye corners at rows 384, mouth corners at row 594). A loft of rings through the
front, side and back profiles makes skull, jaw and neck; nose, eyes, lips and ears are added to it. Lengths
are model units (1 is 10 cm), set after the proportions of an average adult.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from ffhq_uv.studio.sums import weighted_sums

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SIDE = 1024
"""Side of the map in which the layout is written, pixels."""
ORIGIN = np.array([0.0, 0.1, 0.5], np.float32)
"""Where the mean shape's centroid lies in the published file: loaders must recentre, as with the real one."""


def lines(*stops: tuple[float, float, int]) -> Floats:
    """Grid lines: each stop (from, to, n) gives n equal steps; ends meet."""
    parts = [np.linspace(a, b, n + 1)[:-1] for a, b, n in stops]
    return np.concatenate([*parts, [stops[-1][1]]])


HALF_COLUMNS = lines((0, 60, 10), (60, 180, 20), (180, 300, 12), (300, 412, 16), (412, 508, 5))
"""Columns to the right of the middle, layout pixels; mirrored for the left half. Dense in the face."""
ROWS = lines(
    (4, 150, 9), (150, 330, 12), (330, 420, 17), (420, 530, 19), (530, 588, 9), (588, 600, 5), (600, 660, 9),
    (660, 760, 10), (760, 1020, 12),
)  # fmt: skip
"""Rows, layout pixels. Dense at the eyes, the nose and the slit of the mouth (rows 590 to 598)."""


def through(*points: tuple[float, float], smooth: float = 14.0) -> Callable[[Floats], Floats]:
    """The monotone cubic through the points, blurred by ``smooth`` layout pixels so that no bend shows."""
    x, y = (np.array(values, float) for values in zip(*points, strict=True))
    at = np.arange(x[0] - 100, x[-1] + 101)
    curve = PchipInterpolator(x, y)
    # Beyond its ends a profile goes on straight, or the blur would bend it there.
    ends = np.clip(at, x[0], x[-1])
    slope = np.asarray(curve.derivative()(ends))
    values = np.asarray(curve(ends)) + slope * (at - ends)
    if smooth:
        values = gaussian_filter1d(values, smooth, mode="nearest")
    return lambda t: np.interp(t, at, values)


def bump(distance: Floats) -> Floats:
    """A Gaussian of unit width."""
    return np.exp(-0.5 * distance**2)


def ramp(x: Floats, start: Floats | float, end: Floats | float) -> Floats:
    """0 before start, 1 after end, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


ANGLE = through((0, 0), (71, 0.235), (165, 0.69), (230, 1.04), (300, 1.46), (405, 1.95), (512, np.pi), smooth=10)
"""Angle around the ring, from the front, of the layout's |s|."""

FRONT_Y = through(
    (4, 1.20), (60, 1.13), (145, 0.84), (220, 0.52), (300, 0.21), (384, 0.0), (430, -0.21), (468, -0.37),
    (520, -0.52), (560, -0.615), (594, -0.715), (630, -0.81), (660, -0.885), (700, -1.00), (732, -1.10),
    (765, -1.17), (800, -1.20), (850, -1.28), (920, -1.55), (1020, -2.0),
)  # fmt: skip
FRONT_Z = through(
    (4, -0.13), (60, 0.42), (145, 0.77), (220, 0.905), (300, 0.955), (384, 0.905), (430, 0.90), (468, 0.905),
    (520, 0.925), (560, 0.935), (594, 0.93), (630, 0.915), (660, 0.895), (700, 0.905), (732, 0.86),
    (765, 0.72), (800, 0.50), (850, 0.30), (920, 0.27), (1020, 0.36),
)  # fmt: skip
SIDE_X = through(
    (4, 0.025), (60, 0.42), (145, 0.63), (220, 0.705), (300, 0.73), (384, 0.715), (468, 0.68), (594, 0.605),
    (660, 0.56), (732, 0.51), (800, 0.485), (850, 0.485), (920, 0.51), (1020, 0.70),
)  # fmt: skip
SIDE_Y = through(
    (4, 1.20), (60, 1.10), (145, 0.84), (220, 0.54), (300, 0.26), (384, 0.02), (468, -0.27), (594, -0.58),
    (660, -0.73), (732, -0.90), (800, -1.08), (850, -1.20), (920, -1.48), (1020, -1.93),
)  # fmt: skip
SIDE_Z = through((4, -0.15), (145, -0.10), (384, -0.08), (594, -0.04), (700, -0.06), (800, -0.14), (1020, -0.20))
BACK_Y = through(
    (4, 1.20), (60, 1.04), (145, 0.80), (300, 0.22), (384, -0.02), (468, -0.28), (594, -0.60), (732, -0.90),
    (850, -1.18), (1020, -1.90),
)  # fmt: skip
BACK_Z = through(
    (4, -0.17), (60, -0.62), (145, -0.90), (300, -1.03), (384, -1.02), (468, -0.95), (594, -0.80), (732, -0.68),
    (850, -0.64), (1020, -0.72),
)  # fmt: skip

NOSE_HEIGHT = through(
    (310, 0.0), (330, 0.0), (360, 0.008), (384, 0.04), (410, 0.105), (440, 0.18), (458, 0.222), (468, 0.232),
    (478, 0.215), (490, 0.155), (502, 0.075), (516, 0.01), (530, 0.0), smooth=5,
)  # fmt: skip
NOSE_WIDTH = through((340, 44), (384, 34), (425, 38), (455, 44), (470, 46), (500, 48))

EYE_INNER, EYE_OUTER, EYE_ROW = 71.0, 165.0, 384.0
MOUTH_CORNER, MOUTH_ROW = 95.0, 594.0


def lid_rows(s: Floats, open_by: float = 1.0) -> tuple[Floats, Floats]:
    """Rows of the upper and the lower lid's edge at |s|; equal outside the opening."""
    t = np.clip((np.abs(s) - EYE_INNER) / (EYE_OUTER - EYE_INNER), 0, 1)
    upper = EYE_ROW - 22.5 * open_by * np.sin(np.pi * t**0.9) ** 0.8
    lower = EYE_ROW + 14 * open_by * np.sin(np.pi * t**1.15) ** 0.9
    return upper, lower


def loft(s: Floats, r: Floats) -> Floats:
    """Skull, jaw and neck: rings through the three profiles, as positions [..., 3]."""
    theta = ANGLE(np.abs(s))
    c, d = np.cos(theta), np.sin(theta)
    front = c > 0
    # The face is a little squarer than an ellipse, the jaw a little more pointed.
    power = through((4, 1.0), (220, 0.95), (384, 1.0), (500, 1.08), (600, 1.18), (700, 1.42), (760, 1.35), (850, 1.0))(
        r
    )
    forward = np.abs(c) ** np.where(front, power, 1.0)
    y_end = np.where(front, FRONT_Y(r), BACK_Y(r))
    z_end = np.where(front, FRONT_Z(r), BACK_Z(r))
    # The jaw line climbs to the ear: y follows the side profile sooner than z does.
    y = SIDE_Y(r) + (y_end - SIDE_Y(r)) * np.where(front, forward**1.3, forward)
    z = SIDE_Z(r) + (z_end - SIDE_Z(r)) * forward
    return np.stack([np.sign(s) * SIDE_X(r) * d, y, z], -1)


def mean_surface(s: Floats, r: Floats) -> Floats:
    """The mean head at layout positions (s, r): positions [..., 3], eyes at y = 0, before recentring."""
    p = loft(s, r)
    a = np.abs(s)

    def at(s0: float, r0: float, ws: float, wr: float) -> Floats:
        """A bump at (s0, r0) and its mirror image."""
        right = bump((s - s0) / ws)
        return (right + bump((s + s0) / ws) if s0 else right) * bump((r - r0) / wr)

    sign = np.sign(s)
    out = p.copy()
    x, y, z = out[..., 0], out[..., 1], out[..., 2]

    # Forehead, brow ridge, temples, cheeks, jaw, chin.
    arch = 322 - 10 * bump((a - 150) / 40)
    z += 0.03 * (bump((s - 105) / 55) + bump((s + 105) / 55)) * bump((r - arch) / 20)
    z += 0.02 * at(0, 318, 35, 26) + 0.02 * at(60, 225, 60, 40)
    x -= sign * 0.03 * at(250, 320, 35, 60)
    z += 0.045 * at(185, 458, 45, 32)
    x += sign * 0.035 * at(235, 450, 40, 35)
    z -= 0.035 * at(185, 575, 45, 45)
    x -= sign * 0.02 * at(235, 575, 45, 40)
    x += sign * 0.02 * at(285, 655, 50, 40)
    z += 0.05 * at(0, 702, 55, 24) - 0.02 * at(0, 655, 60, 12)
    y -= 0.02 * at(0, 728, 70, 25)
    # Neck: the two tendons and the throat.
    z += 0.05 * at(0, 870, 40, 35) + 0.03 * at(120, 930, 30, 90)

    # Eyes: a socket, then a ball with lids wrapped over it.
    z -= 0.075 * at(112, 378, 48, 30) + 0.055 * at(66, 378, 22, 24)
    centre = np.array([0.314, -0.012, 0.662])
    radius = 0.128
    d2 = (np.abs(x) - centre[0]) ** 2 + (y - centre[1]) ** 2
    upper, lower = lid_rows(s)
    inside = np.minimum(ramp(r, upper - 1.5, upper + 2.0), 1 - ramp(r, lower - 2.0, lower + 1.5))
    inside *= ramp(a, EYE_INNER - 2, EYE_INNER + 6) * (1 - ramp(a, EYE_OUTER - 6, EYE_OUTER + 2))
    # Beyond the ball's rim its "height" falls away steeply, so that only the socket feels it.
    lid = centre[2] + np.sqrt(np.maximum((radius + 0.02) ** 2 - d2, 0))
    lid -= 3 * np.maximum(np.sqrt(d2) - radius - 0.02, 0)
    soft = 0.02
    wrapped = soft * np.logaddexp(z / soft, lid / soft)
    crease = bump((r - (upper - 13)) / 3.5) * bump((a - 118) / 34)
    wrapped -= 0.016 * crease
    # The ball knows how far it is to the side and below, not how far behind: the lids end before the temples.
    z += (wrapped - 0.016 * inside - z) * (1 - ramp(a, 200, 250))

    # Nose: bridge, tip, wings, the groove behind them, the nostrils.
    width = NOSE_WIDTH(r)
    profile = np.exp(-((a / width) ** 2.1))
    z += NOSE_HEIGHT(r) * profile
    y -= 0.05 * at(0, 478, 40, 14)
    z += 0.085 * at(54, 488, 16, 15) + 0.022 * at(0, 467, 22, 15)
    x += sign * 0.018 * at(58, 488, 14, 15)
    z -= 0.03 * at(82, 487, 9, 17)
    z -= 0.045 * at(31, 503, 13, 6)
    y += 0.015 * at(31, 503, 13, 6)
    z += 0.015 * at(0, 503, 14, 8)

    # Mouth: wider than its part of the ring; philtrum, two lips, the slit, the corners, the fold from the nose.
    x += sign * 0.036 * at(MOUTH_CORNER, 594, 42, 34)
    lips = np.clip(1 - (a / (MOUTH_CORNER + 4)) ** 2, 0, 1)
    z -= 0.014 * at(0, 545, 12, 16)
    z += 0.008 * at(20, 547, 9, 18)
    z += 0.065 * lips**0.8 * bump((r - 577) / 10) + 0.075 * lips * bump((r - 613) / 11.5)
    z -= 0.060 * np.sqrt(lips) * bump((r - MOUTH_ROW - 3 * (1 - lips)) / 3.2)
    z -= 0.03 * at(MOUTH_CORNER + 2, 596, 12, 9)
    z += 0.025 * at(0, 590, 95, 40)
    fold = 94 + 0.34 * (r - 490)
    z -= 0.010 * bump((a - fold) / 9) * ramp(r, 485, 510) * (1 - ramp(r, 570, 610))

    # Ears: a flap that stands off the side of the head, with its rim, bowl and lobe.
    q = (r - 464) / 112
    f = (a - 352 + 10 * q) / (50 - 8 * q)
    inside_ear = np.clip(1 - np.abs(q) ** 2.6, 0, 1) ** 0.8
    span = np.clip(1 - np.abs(q), 0, 1) ** 0.35
    f = f / np.maximum(span, 0.25)
    rise = ramp(f, -0.95, 0.55) * (1 - ramp(f, 0.66, 1.08))
    bowl = bump(np.hypot((f + 0.15) / 0.38, (q - 0.12) / 0.36))
    fold2 = bump((np.hypot(f * 0.9 + 0.05, q * 0.95) - 0.62) / 0.13) * ramp(f, -0.9, -0.3)
    helix = bump((np.hypot(f * 0.95, q * 0.95) - 0.86) / 0.10) * ramp(f, -1.1, -0.5)
    tragus = bump(np.hypot((f + 0.72) / 0.16, (q - 0.12) / 0.15))
    flap = 0.165 * rise - 0.055 * bowl * ramp(f, -0.9, -0.4) + 0.018 * helix - 0.012 * fold2
    x += sign * inside_ear * (flap + 0.035 * tragus)
    z -= inside_ear * 0.09 * rise
    y += inside_ear * 0.03 * rise
    return out


def grid() -> tuple[Floats, Floats]:
    """Layout positions (s, r) of the grid, [rows, columns] each; the rows bend to follow the eyelids."""
    columns = np.concatenate([-HALF_COLUMNS[:0:-1], HALF_COLUMNS])
    s, r = np.meshgrid(columns, ROWS)
    upper, lower = lid_rows(s)
    in_eye = ramp(np.abs(s), EYE_INNER - 26, EYE_INNER) * (1 - ramp(np.abs(s), EYE_OUTER, EYE_OUTER + 30))
    straight_upper, straight_lower = EYE_ROW - 14.0, EYE_ROW + 9.0
    top = straight_upper + in_eye * (np.minimum(upper, EYE_ROW - 5) - straight_upper)
    bottom = straight_lower + in_eye * (np.maximum(lower, EYE_ROW + 4) - straight_lower)
    knots = np.array([320.0, straight_upper, straight_lower, 440.0])
    bent = np.empty_like(r)
    for column in range(len(columns)):
        to = [knots[0], top[0, column], bottom[0, column], knots[3]]
        bent[:, column] = np.interp(r[:, column], knots, to)
    inside = (r > knots[0]) & (r < knots[3])
    return s, np.where(inside, bent, r)


Patch = tuple[float, float, float, float, tuple[float, float, float]]
"""A Gaussian displacement: (s, r, width, height) in layout pixels, and its vector in model units.

It stands on the right half (s >= 0) and is mirrored, unless its shape is listed in ONE_SIDED.
"""

IDENTITY: dict[str, list[Patch]] = {
    "face_width": [(230, 450, 130, 260, (0.030, 0, 0))],
    "face_length": [(0, 740, 420, 150, (0, -0.040, 0)), (0, 160, 420, 110, (0, 0.020, 0))],
    "jaw_width": [(280, 650, 75, 70, (0.036, 0, 0)), (160, 700, 60, 40, (0.012, 0, 0))],
    "jaw_drop": [(270, 680, 80, 60, (0, -0.032, 0))],
    "chin_forward": [(0, 705, 70, 38, (0, 0, 0.036))],
    "chin_length": [(0, 715, 130, 42, (0, -0.030, 0))],
    "chin_width": [(90, 705, 55, 36, (0.016, 0, 0))],
    "cheekbones": [(205, 450, 50, 40, (0.022, 0, 0.016))],
    "cheek_fullness": [(195, 575, 60, 55, (0.024, 0, 0.026))],
    "brow_ridge": [(95, 318, 65, 22, (0, -0.006, 0.026))],
    "forehead": [(0, 215, 170, 70, (0, 0, 0.030))],
    "temples": [(250, 300, 45, 70, (0.022, 0, 0))],
    "eye_spacing": [(118, 382, 50, 34, (0.014, 0, 0))],
    "eye_size": [(118, 362, 36, 12, (0, 0.0075, 0.002)), (118, 400, 36, 10, (0, -0.0055, 0.001))],
    "eye_tilt": [(160, 382, 26, 26, (0, 0.011, 0)), (78, 384, 22, 22, (0, -0.006, 0))],
    "eye_depth": [(112, 380, 55, 40, (0, 0, 0.022))],
    "nose_length": [(0, 474, 95, 36, (0, -0.024, 0)), (0, 470, 40, 20, (0, 0, 0.006))],
    "nose_width": [(55, 488, 26, 24, (0.021, 0, 0))],
    "nose_bridge": [(0, 415, 32, 34, (0, 0, 0.026))],
    "nose_tip": [(0, 470, 40, 22, (0, 0.016, 0.022))],
    "mouth_width": [(95, 596, 40, 36, (0.019, 0, 0))],
    "lip_fullness": [
        (0, 577, 62, 9, (0, 0.004, 0.016)),
        (0, 614, 62, 11, (0, -0.004, 0.018)),
        (0, 562, 62, 8, (0, 0.010, 0)),
        (0, 630, 58, 9, (0, -0.010, 0)),
    ],
    "mouth_height": [(0, 594, 130, 45, (0, 0.022, 0))],
    "ear_size": [(350, 464, 40, 95, (0.034, 0, -0.012))],
    "neck_width": [(300, 900, 160, 90, (0.040, 0, 0)), (0, 900, 120, 70, (0, 0, 0.03))],
    "skull_height": [(0, 30, 600, 90, (0, 0.040, 0))],
    "nose_bend": [(0, 455, 45, 36, (0.008, 0, 0))],
    "jaw_shift": [(0, 690, 200, 70, (0.008, 0, 0))],
    "brow_level": [(115, 322, 60, 34, (0, 0.006, 0.002))],
    "mouth_level": [(85, 594, 45, 30, (0, 0.006, 0))],
}
"""The identity blendshapes for one standard deviation, in the order of the coefficients."""

ONE_SIDED = {"nose_bend": 1.0, "jaw_shift": 1.0, "brow_level": -1.0, "mouth_level": -1.0}
"""Asymmetric shapes: both halves move the same way (+1) or in opposite ways (-1)."""

EXPRESSION: dict[str, list[Patch]] = {
    "smile": [
        (98, 594, 32, 24, (0.060, 0.082, -0.034)),
        (152, 515, 48, 40, (0.014, 0.044, 0.048)),
        (118, 412, 50, 16, (0, 0.014, 0.006)),
        (0, 575, 50, 14, (0, 0.008, -0.020)),
        (0, 615, 55, 14, (0, 0.012, -0.016)),
    ],
    "mouth_open": [],  # the lower lip and the jaw, see _mouth_open
    "brow_raise": [(110, 305, 75, 34, (0, 0.070, 0.004)), (118, 358, 45, 10, (0, 0.014, 0))],
    "frown": [(48, 318, 30, 24, (-0.024, -0.034, 0.010)), (0, 330, 22, 20, (0, 0, 0.010))],
    "squint": [(118, 360, 40, 11, (0, -0.026, 0.004)), (118, 402, 42, 11, (0, 0.020, 0.006))],
    "pout": [(95, 594, 34, 24, (-0.050, 0, 0.010)), (0, 594, 55, 28, (0, 0, 0.060))],
    "mouth_corners_down": [(98, 598, 26, 22, (0.006, -0.050, -0.004))],
    "nose_wrinkle": [(60, 470, 34, 34, (0.004, 0.028, 0.004)), (0, 350, 30, 24, (0, -0.016, 0.010))],
    "cheek_puff": [(180, 580, 55, 50, (0.055, 0, 0.050))],
}
"""The full expressions (coefficient 1; at least 0), in the order of the coefficients."""


def _mouth_open(s: Floats, r: Floats) -> Floats:
    """The jaw drops: below the slit everything goes down, the more the nearer to the middle of the mouth."""
    within = np.sqrt(np.clip(1 - (np.abs(s) / MOUTH_CORNER) ** 2, 0, 1))
    lip = ramp(r, MOUTH_ROW - 3, MOUTH_ROW + 3.5) * (1 - ramp(r, 625, 720)) * within
    jaw = ramp(r, MOUTH_ROW + 2, 680) * (1 - ramp(r, 735, 860)) * bump(s / 190)
    inner = bump((r - MOUTH_ROW) / 3.5) * within
    return np.stack([0 * s, -0.085 * lip - 0.085 * jaw, -0.02 * lip - 0.02 * jaw - 0.05 * inner], -1)


def blendshape(name: str, s: Floats, r: Floats) -> Floats:
    """Displacements [..., 3] of a named identity or expression shape at layout positions."""
    if name == "mouth_open":
        return _mouth_open(s, r)
    total = np.zeros((*s.shape, 3))
    side = np.array([-1.0, 1.0, 1.0])
    for s0, r0, width, height, displacement in {**IDENTITY, **EXPRESSION}[name]:
        vector = np.array(displacement)
        along = bump((r - r0) / height)
        right = bump((s - s0) / width) * along
        left = bump((s + s0) / width) * along
        if name in ONE_SIDED:
            total += (right + ONE_SIDED[name] * left if s0 else right)[..., None] * vector
        elif s0 == 0:
            total += right[..., None] * vector
        else:
            total += right[..., None] * vector + left[..., None] * vector * side
    if name not in ONE_SIDED:
        # The halves meet at the back, where neither may move sideways.
        total[..., 0] *= 1 - ramp(np.abs(s), 420, HALF_COLUMNS[-1])
    return total


@dataclass(frozen=True)
class Head:
    """The linear head model; N vertices, V UV entries, F triangles. Indices from 0.

    mean            float32 [N, 3], recentred: its mean is zero
    identity        float32 [N, 3, I], per standard deviation of the coefficients named by IDENTITY
    expression      float32 [N, 3, E], per unit of the coefficients named by EXPRESSION
    triangles       int64 [F, 3], vertices of each triangle, seen from outside in counter-clockwise order
    uv_triangles    int64 [F, 3], UV entries of each triangle's corners
    uv              float32 [V, 2], u to the right, v up
    uv_vertices     int64 [V], vertex of each UV entry; the back of the head is cut, its vertices own two
    vertex_faces    int64 [N, 8], triangles around each vertex, padded with F
    keypoints       int64 [68], vertices of the iBUG landmarks
    """

    mean: NDArray[np.float32]
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    triangles: Ints
    uv_triangles: Ints
    uv: NDArray[np.float32]
    uv_vertices: Ints
    vertex_faces: Ints
    keypoints: Ints

    def shape(self, identity: NDArray[np.float32], expression: NDArray[np.float32]) -> NDArray[np.float32]:
        """Vertices [N, 3] of coefficients [I] and [E]."""
        return self.mean + weighted_sums(self.identity, identity) + weighted_sums(self.expression, expression)


def landmark_layout() -> Floats:
    """Layout positions [68, 2] (s, r) of the iBUG landmarks."""
    jaw = [(-292, 440), (-286, 500), (-277, 556), (-258, 606), (-222, 648), (-176, 684), (-120, 712)]
    jaw = [*jaw, (-60, 728)]
    jaw = [*jaw, (0, 732), *((-s, r) for s, r in reversed(jaw))]
    brow = [(-196, 330), (-166, 308), (-130, 302), (-94, 306), (-58, 318)]
    brow = [*brow, *((-s, r) for s, r in reversed(brow))]
    nose = [(0, 384), (0, 412), (0, 440), (0, 468), (-40, 502), (-20, 508), (0, 512), (20, 508), (40, 502)]
    eye = [(-164, 384), (-135, 365), (-100, 363), (-71, 385), (-100, 396), (-135, 396)]
    other = [(-eye[k][0], eye[k][1]) for k in (3, 2, 1, 0, 5, 4)]
    outer = [(-95, 594), (-60, 573), (-25, 563), (0, 567), (25, 563), (60, 573), (95, 594)]
    outer += [(62, 618), (30, 630), (0, 633), (-30, 630), (-62, 618)]
    inner = [(-80, 594), (-30, 590), (0, 590), (30, 590), (80, 594), (30, 598), (0, 598), (-30, 598)]
    return np.array(jaw + brow + nose + eye + other + outer + inner, float)


@cache
def head() -> Head:
    """The studio's head model."""
    s, r = grid()
    rows, columns = s.shape
    # The first and the last column are one line of vertices at the back of the head.
    own = columns - 1
    vertex = np.arange(rows)[:, None] * own + np.arange(columns) % own
    entry = np.arange(rows * columns).reshape(rows, columns)
    position = mean_surface(s, r)
    position[:, [0, -1]] = position[:, [0, -1]].mean(1, keepdims=True)

    def quads(index: Ints) -> Ints:
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
        right = s[:-1, :-1] >= 0
        # The diagonals are mirrored with the halves, so that the head is symmetric.
        first = np.where(right[..., None], np.stack([a, c, d], -1), np.stack([a, c, b], -1))
        second = np.where(right[..., None], np.stack([a, d, b], -1), np.stack([b, c, d], -1))
        return np.stack([first, second], 2).reshape(-1, 3)

    triangles, uv_triangles = quads(vertex), quads(entry)
    flat = position[:, :-1].reshape(-1, 3)
    flat = flat - flat.mean(0)
    grid_s, grid_r = s[:, :-1].ravel(), r[:, :-1].ravel()

    def basis(names: dict[str, list[Patch]]) -> Floats:
        return np.stack([blendshape(name, grid_s, grid_r) for name in names], -1)

    marks = landmark_layout()
    nearest = np.hypot(grid_s[:, None] - marks[:, 0], grid_r[:, None] - marks[:, 1]).argmin(0)
    return Head(
        mean=flat.astype(np.float32),
        identity=basis(IDENTITY).astype(np.float32),
        expression=basis(EXPRESSION).astype(np.float32),
        triangles=triangles,
        uv_triangles=uv_triangles,
        uv=np.stack([(s.ravel() + SIDE / 2) / SIDE, 1 - r.ravel() / SIDE], -1).astype(np.float32),
        uv_vertices=vertex.ravel(),
        vertex_faces=faces_around(triangles, len(flat)),
        keypoints=nearest.astype(np.int64),
    )


def faces_around(triangles: Ints, vertices: int) -> Ints:
    """Triangles around each vertex [N, 8], padded with the number of triangles."""
    corner = triangles.ravel()
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner, minlength=vertices)
    place = np.arange(corner.size) - np.repeat(np.cumsum(count) - count, count)
    around = np.full((vertices, 8), len(triangles), np.int64)
    around[corner[order], place] = order // 3
    return around
