"""The fixed fields of the UV square that every person's skin, hair and eyes are mixed from.

They are written in layout pixels (see `head`), on a grid at least twice as fine as wanted (up to 1024), and
area-averaged down. Face features are mirror images; grain, freckles, blotches and moles are not.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.studio.codes import BLOTCHES, FRECKLE_FIELDS
from ffhq_uv.studio.head import (
    EYE_INNER,
    EYE_OUTER,
    MOUTH_CORNER,
    MOUTH_ROW,
    SIDE,
    bump,
    lid_rows,
    mean_surface,
    ramp,
    through,
)

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]

LIP_TOP = through((0, 567), (22, 562.5), (60, 572), (85, 587), (97, 594), smooth=3)
LIP_BOTTOM = through((0, 632), (30, 630), (62, 618), (85, 603), (97, 595), smooth=3)
BROW_ROW = through((45, 323), (80, 313), (120, 303), (160, 307), (202, 328), smooth=6)
BROW_HALF = through((40, 4), (58, 10), (90, 12.5), (125, 11), (165, 7.5), (206, 2), smooth=6)
HAIRLINE = through(
    (0, 142), (90, 141), (150, 152), (200, 180), (238, 238), (262, 300), (280, 378), (293, 372), (301, 350),
    (512, 350), smooth=4,
)  # fmt: skip
BEARD_TOP = through(
    (0, 648), (40, 643), (75, 634), (98, 606), (125, 600), (165, 602), (210, 566), (248, 500), (268, 420),
    (292, 380), smooth=5,
)  # fmt: skip
BEARD_END = through((0, 775), (120, 770), (200, 748), (270, 690), (296, 600), (300, 560), smooth=8)


@kernel
def _value_noise(x: Wide, y: Wide, lattice: Wide, out: Wide) -> None:
    for k in range(out.size):
        x0, y0 = np.floor(x[k]), np.floor(y[k])
        fx, fy = x[k] - x0, y[k] - y0
        fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
        i, j = int(y0) & 255, int(x0) & 255
        i1, j1 = (i + 1) & 255, (j + 1) & 255
        above = lattice[i, j] * (1 - fx) + lattice[i, j1] * fx
        below = lattice[i1, j] * (1 - fx) + lattice[i1, j1] * fx
        out[k] = above * (1 - fy) + below * fy


def above_hairline(s: Wide, r: Wide) -> Wide:
    """Distance into the hair from the mean hairline, layout pixels; below 0 outside."""
    a = np.abs(s)
    slope = (HAIRLINE(a + 3) - HAIRLINE(a - 3)) / 6
    above = (HAIRLINE(a) - r) / np.hypot(1, slope)
    behind = np.minimum(a - 408, 668 - r)  # the ears, down to the nape
    return np.asarray(np.maximum(above, behind))


def noise(x: Wide, y: Wide, seed: int) -> Wide:
    """Smooth value noise, -1..1, one lattice cell a unit of x and y."""
    lattice = np.random.default_rng([seed, 77]).uniform(-1, 1, (256, 256))
    out = np.empty_like(x)
    _value_noise(np.ascontiguousarray(x).ravel(), np.ascontiguousarray(y).ravel(), lattice, out.reshape(-1))
    return out


@dataclass(frozen=True)
class Fields:
    """The fixed fields at one size S; arrays are float32 [S, S] unless said otherwise.

    pigments    [S, S, P], the fields of PIGMENTS in order
    """

    pigments: Floats
    strokes: Floats  # brows, drawn hair by hair
    beard: Floats
    moustache: Floats
    stubble: Floats  # grain of a shaved beard
    scalp: Floats  # 0..1: how deep in the hair, at the mean hairline
    strands: Floats  # grain of combed hair, about -1..1
    locks: Floats  # grain of loose hair, about -1..1
    sclera: Floats  # 0..1 inside the lids
    iris: Floats  # distance from the eye's centre in iris radii
    lid_shadow: Floats
    lash: Floats
    catchlight: Floats
    teeth: Floats
    skin: NDArray[np.bool_]  # the face's skin: brows, nose and lips with it; no eyes, mouth, ears, neck, hair
    eyes: NDArray[np.bool_]  # what the skin leaves out around and between the lids
    mouth: NDArray[np.bool_]  # the slit between the lips


PIGMENTS = (
    "one", "mottle", "pores", "flush", "nose_flush", "lips", "lip_lines", "slit", "nostrils", "eye_bags",
    "lids", "wrinkle_forehead", "wrinkle_eyes", "wrinkle_folds", "stubble_shade", "ear_flush", "ear_shadow", "seam",
    *(f"freckles{k}" for k in range(FRECKLE_FIELDS)), *(f"blotch{k}" for k in range(BLOTCHES)),
)  # fmt: skip


@cache
def fields(size: int) -> Fields:
    """The fields at a size; kept, for they take a few seconds to make at 1024."""
    base = max(256, min(SIDE, 2 * size))
    place = (np.arange(base) + 0.5) * SIDE / base
    s, r = np.meshgrid(place - SIDE / 2, place)

    def small(field: Wide) -> Floats:
        resized = cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
        return np.asarray(resized, np.float32)

    with ThreadPoolExecutor() as threads:  # which NumPy lets compute at once
        makers = (_hair, _complexion, _wrinkles, _eyes)
        grown, complexion, wrinkles, seen_eyes = threads.map(lambda make: make(s, r), makers)
    hair = {name: small(field) for name, field in grown.items()}
    pigments = complexion | wrinkles
    pigments["stubble_shade"] = np.maximum(grown["beard"], grown["moustache"])
    stack = np.empty((size, size, len(PIGMENTS)), np.float32)
    for k, name in enumerate(PIGMENTS):
        stack[..., k] = small(pigments[name])
    eyes = {name: small(field) for name, field in seen_eyes.items()}
    whole, between_lids, slit = whole_face(s, r), _around_eyes(s, r), _slit(s, r)

    def region(shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.asarray(small((whole & shown).astype(np.float64)) > 0.5)

    return Fields(
        pigments=stack,
        skin=region(~between_lids & ~slit),
        eyes=region(between_lids),
        mouth=region(slit),
        **hair,
        **eyes,
    )


def _spot(s: Wide, r: Wide, s0: float, r0: float, ws: float, wr: float) -> Wide:
    """A soft spot at (s0, r0) and its mirror image."""
    return bump(np.hypot((np.abs(s) - s0) / ws, (r - r0) / wr))


def _complexion(s: Wide, r: Wide) -> dict[str, Wide]:
    """Blood, pores, lips, nostrils, lids, ears, freckles and blotches."""
    a = np.abs(s)

    def spot(s0: float, r0: float, ws: float, wr: float) -> Wide:
        return _spot(s, r, s0, r0, ws, wr)

    mottle = noise(s / 30, r / 30, 3) + 0.6 * noise(s / 13, r / 13, 4)
    p = {"one": np.ones_like(s), "mottle": mottle}
    p["pores"] = noise(s / 5, r / 5, 1) + 0.8 * noise(s / 2.6, r / 2.6, 2)
    p["flush"] = spot(165, 470, 60, 42) + 0.25 * mottle * spot(165, 470, 75, 60) + 0.35 * spot(0, 700, 50, 24)
    p["nose_flush"] = spot(0, 478, 38, 20) + 0.9 * spot(58, 490, 18, 16)
    lips = ramp(r, LIP_TOP(a) - 3, LIP_TOP(a) + 3) * (1 - ramp(r, LIP_BOTTOM(a) - 4, LIP_BOTTOM(a) + 4))
    p["lips"] = lips * (1 - ramp(a, 92, 100))
    p["lip_lines"] = p["lips"] * (noise(s / 3.2, r / 26, 5) + 0.4 * noise(s / 1.8, r / 14, 6))
    p["slit"] = bump((r - MOUTH_ROW) / 2.6) * (1 - ramp(a, 82, 98)) + 0.5 * spot(96, 595, 7, 4)
    opening = bump(np.hypot((a - 30 - 0.4 * (r - 503)) / 11, (r - 504) / 5.0) ** 2)
    groove = bump((a - 79 - 0.1 * (r - 490)) / 4) * bump((r - 492) / 14)
    p["nostrils"] = opening + 0.18 * spot(0, 512, 40, 7) + 0.2 * groove
    p["eye_bags"] = spot(112, 412, 38, 13) + 0.5 * spot(78, 398, 16, 14) + 0.25 * spot(112, 358, 45, 12)
    upper, lower = lid_rows(s)
    along_lids = ramp(a, EYE_INNER - 4, EYE_INNER + 2) * (1 - ramp(a, EYE_OUTER - 2, EYE_OUTER + 5))
    crease = 0.55 * bump((r - (upper - 12 + 0.05 * (a - 118))) / 2.2)
    p["lids"] = along_lids * (crease + 0.16 * bump((r - upper + 6) / 8) + 0.35 * bump((r - lower - 1) / 1.8))
    p["ear_flush"] = spot(352, 464, 45, 95)
    f, q = (a - 350 + 8 * (r - 464) / 112) / 46, (r - 464) / 104
    under_rim = bump((np.hypot(f * 0.95, q) - 0.68) / 0.07) * ramp(q - 0.5 * f, 0.75, 0.1)
    bowl = bump(np.hypot((f + 0.28) / 0.26, (q - 0.14) / 0.26))
    fold = bump(np.hypot((f - 0.1) / 0.13, (q + 0.3) / 0.3))
    p["ear_shadow"] = (0.8 * under_rim + 0.9 * bowl + 0.5 * fold) * (1 - ramp(np.hypot(f, q), 0.9, 1.05))
    p["seam"] = 0.6 * spot(0, 655, 55, 8) + 0.30 * bump((r - 775) / 22) * bump(s / 330)
    sunny = spot(120, 455, 130, 70) + 0.35 * spot(60, 250, 130, 60) + 0.25 * spot(150, 620, 120, 60)
    for k in range(FRECKLE_FIELDS):
        dots = noise(s / 7 + 31.7 * k, r / 7, 20 + k) + 0.5 * noise(s / 3.4, r / 3.4 + 17.3 * k, 30 + k)
        p[f"freckles{k}"] = np.clip((dots - 0.62) * 2.6, 0, 1) * np.minimum(sunny, 1)
    for k in range(BLOTCHES):
        p[f"blotch{k}"] = noise(s / 95 + 5.3 * k, r / 95 + 2.1 * k, 40 + k)
    return p


def _wrinkles(s: Wide, r: Wide) -> dict[str, Wide]:
    """Creases: a dark line with lighter rims each."""
    a = np.abs(s)
    wobble = 4 * noise(s / 60, r / 400, 7)

    def crease(row: Wide, start: float, end: float, width: float) -> Wide:
        d = (r - row) / width
        fade = ramp(a, start - 18, start + 18) * (1 - ramp(a, end - 25, end + 18))
        return np.asarray(fade * (bump(d) - 0.45 * bump(d - 2.2) - 0.3 * bump(d + 2.2)))

    forehead = 0.8 * bump((a - 20 + 0.08 * (r - 320)) / 2.6) * bump((r - 322) / 17)
    for row, half in ((186, 120), (212, 150), (236, 160), (258, 140), (278, 95)):
        forehead += crease(row - wobble - 0.00035 * (a - 70) ** 2, 0, half, 2.6)
    eyes = np.zeros_like(s)
    for slope in (-0.50, -0.16, 0.18, 0.52):
        feet = 384 + slope * (a - 160) + 0.0012 * (a - 160) ** 2
        eyes += crease(feet - 0.5 * wobble, 182, 232, 2.2)
    eyes += 0.7 * crease(408 - 0.0022 * (a - 118) ** 2, 78, 158, 2.4)
    eyes += 0.7 * crease(421 - 0.0018 * (a - 118) ** 2, 86, 150, 2.6)
    fold = 84 + 0.30 * (r - 490) + 0.0009 * (r - 490) ** 2
    folds = bump((a - fold) / 4) - 0.35 * bump((a - fold - 9) / 5)
    folds *= ramp(r, 484, 515) * (1 - ramp(r, 575, 612))
    corner = bump((a - 103 - 0.12 * (r - 610)) / 3.5) * ramp(r, 600, 618) * (1 - ramp(r, 645, 670))
    return {"wrinkle_forehead": forehead, "wrinkle_eyes": eyes, "wrinkle_folds": folds + 0.7 * corner}


def _hair(s: Wide, r: Wide) -> dict[str, Wide]:
    """Where brows, beard and hair grow, and their grain."""
    a = np.abs(s)
    along, across = 0.9 * a + 0.45 * (r - 315), r - 315 + 0.35 * (a - 110)
    # The grain of the two brows differs: along the sample, not along its mirror image.
    along = np.where(s > 0, along, along + 400)
    hairs = noise(along / 16, across / 2.6, 10) + 0.5 * noise(along / 9, across / 1.7, 11)
    d = np.abs((r - BROW_ROW(a)) / BROW_HALF(a))
    strokes = np.clip(1.25 - d**2 + 0.55 * hairs, 0, 1.3) * ramp(a, 44, 62) * (1 - ramp(a, 186, 208))

    beard = ramp(r, BEARD_TOP(a) - 14, BEARD_TOP(a) + 20) * (1 - ramp(r, BEARD_END(a) - 40, BEARD_END(a) + 6))
    beard *= 1 - 0.75 * _spot(s, r, 0, 644, 34, 9) * (r < 655)
    beard *= 1 - ramp(a, 290, 304)
    lip_edge = LIP_TOP(np.minimum(a, 96))
    moustache = ramp(r, 520 + 0.12 * a, 536 + 0.12 * a) * (1 - ramp(r, lip_edge - 6, lip_edge))
    moustache *= 1 - ramp(a, 88, 112)
    moustache = np.maximum(moustache, ramp(r, 540, 575) * (1 - ramp(r, 640, 665)) * bump((a - 112) / 11))
    moustache *= 1 - 0.5 * _spot(s, r, 0, 540, 8, 16)

    # Combed hair runs away from the face; loose hair falls.
    turn, far = np.arctan2(s, 470 - r), np.hypot(s, 470 - r)
    strands = noise(turn * 95, far / 160, 12) + 0.8 * noise(turn * 210 + 0.004 * far, far / 110, 13)
    sway = 9 * noise(s / 90, r / 130, 15)
    locks = 0.7 * noise((s + sway) / 4.2, r / 90, 16) + 0.5 * noise((s + sway) / 2.2, r / 70, 17)
    return {
        "strokes": np.where(d < 1.9, strokes, 0),
        "beard": beard,
        "moustache": moustache,
        "stubble": noise(s / 2.1, r / 2.1, 8) + noise(s / 3.1, r / 4.3, 9),
        "scalp": above_hairline(s, r),
        "strands": 0.6 * strands + 0.35 * noise(turn * 26, far / 200, 14),
        "locks": locks + 0.5 * noise((s + sway) / 15, r / 160, 18),
    }


def _eyes(s: Wide, r: Wide) -> dict[str, Wide]:
    """Eyeballs, lashes, and the teeth of an open mouth."""
    a = np.abs(s)
    upper, lower = lid_rows(s)
    sclera = ramp(r, upper - 1.2, upper + 1.6) * (1 - ramp(r, lower - 1.6, lower + 1.2))
    sclera *= ramp(a, EYE_INNER - 1, EYE_INNER + 4) * (1 - ramp(a, EYE_OUTER - 4, EYE_OUTER + 1))
    # The iris is round on the head, not in the map.
    iris, catchlight = np.full_like(s, 9.0), np.zeros_like(s)
    rows = slice(int(340 * len(s) / SIDE), int(425 * len(s) / SIDE) + 1)
    position = mean_surface(s[rows], r[rows])
    x, y = np.abs(position[..., 0]) - 0.312, position[..., 1]
    iris[rows] = np.hypot(x, y) / 0.066
    # Both eyes mirror one lamp, up at the image's left.
    catchlight[rows] = bump(np.hypot(x + np.sign(s[rows]) * 0.018, y - 0.020) / 0.0085)
    flick = 3.5 + 3.0 * ramp(a, 110, 165) + 2 * noise(s / 3.0, r / 20, 19)
    lash = np.clip(1.15 - np.abs((r - upper + 0.5 + 0.30 * flick) / (0.55 * flick)) ** 2, 0, 1)
    lash *= ramp(a, EYE_INNER, EYE_INNER + 18) * (1 - ramp(a, EYE_OUTER + 1, EYE_OUTER + 12))
    return {
        "sclera": sclera,
        "iris": iris,
        "lid_shadow": bump((r - upper) / 6.5),
        "lash": lash,
        "catchlight": catchlight,
        "teeth": bump((r - MOUTH_ROW + 1.8) / 1.9) * (1 - ramp(a, 70, 92)),
    }


def _around_eyes(s: Wide, r: Wide) -> NDArray[np.bool_]:
    """Between the lids, and as far around them as the published recipe leaves out."""
    a = np.abs(s)
    upper, lower = lid_rows(s)
    return np.asarray((r > upper - 9) & (r < lower + 9) & (a > EYE_INNER - 8) & (a < EYE_OUTER + 8))


def _slit(s: Wide, r: Wide) -> NDArray[np.bool_]:
    """Between the lips."""
    return np.asarray((np.abs(r - MOUTH_ROW) < 3.5) & (np.abs(s) < MOUTH_CORNER - 8))


def whole_face(s: Wide, r: Wide) -> NDArray[np.bool_]:
    """The face down to the jaw line, up to the hairline and back to the ears, without holes."""
    return np.asarray((above_hairline(s, r) < -3) & (r < 742 - 0.00135 * s**2) & (np.abs(s) < 292))
