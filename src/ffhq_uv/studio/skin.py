"""Skin, hair and eyes, painted in the UV square as a deterministic function of a person.

Skin is a stack of absorbing pigments (melanin, haemoglobin and plain shadow): the logarithm of its reflectance is a
weighted sum of fixed fields, so a person is a matrix of weights. Hair and eyes are laid over it. All fields are
written in layout pixels (see `head`) and area-averaged to the wanted size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from ffhq_uv.studio.codes import BLOTCHES, FRECKLE_FIELDS, MOLES
from ffhq_uv.studio.head import (
    EYE_INNER,
    EYE_OUTER,
    EYE_ROW,
    MOUTH_CORNER,
    MOUTH_ROW,
    SIDE,
    bump,
    lid_rows,
    mean_surface,
    ramp,
    through,
)
from ffhq_uv.studio.person import Person

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]

BASE = np.log(np.array([0.90, 0.79, 0.68]))
"""Logarithm of the linear reflectance of skin without pigment."""
ABSORPTION = np.array([[1.85, 2.50, 3.05], [0.10, 0.56, 0.44], [1.0, 1.0, 1.0]])
"""Absorbance of a unit of melanin, haemoglobin and shadow in red, green and blue."""
YELLOW = np.array([-0.03, 0.0, 0.16])
"""Absorbance of a unit of undertone."""

LIP_TOP = through((0, 567), (22, 562.5), (60, 572), (85, 587), (97, 594), smooth=3)
LIP_BOTTOM = through((0, 632), (30, 630), (62, 618), (85, 603), (97, 595), smooth=3)
BROW_ROW = through((45, 323), (80, 313), (120, 303), (160, 307), (202, 328), smooth=6)
BROW_HALF = through((40, 4), (58, 10), (90, 12.5), (125, 11), (165, 7.5), (206, 2), smooth=6)
HAIRLINE = through(
    (0, 142), (90, 141), (150, 152), (200, 180), (238, 238), (262, 300), (280, 378), (293, 372), (301, 350), (512, 350),
    smooth=4,
)  # fmt: skip
BEARD_TOP = through(
    (0, 648), (40, 643), (75, 634), (98, 606), (125, 600), (165, 602), (210, 566), (248, 500), (268, 420), (292, 380),
    smooth=5,
)  # fmt: skip
BEARD_END = through((0, 775), (120, 770), (200, 748), (270, 690), (296, 600), (300, 560), smooth=8)


@njit(cache=True)
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


PIGMENTS = (
    "one", "mottle", "pores", "flush", "nose_flush", "lips", "lip_lines", "slit", "nostrils", "eye_bags", "lids",
    "wrinkle_forehead", "wrinkle_eyes", "wrinkle_folds", "stubble_shade", "ear_flush", "ear_shadow", "seam",
    *(f"freckles{k}" for k in range(FRECKLE_FIELDS)), *(f"blotch{k}" for k in range(BLOTCHES)),
)  # fmt: skip


def _lines(s: Wide, r: Wide, paths: list[tuple[Callable[[Wide], Wide], float, float, float]]) -> Wide:
    """Creases: dark lines at rows path(|s|) for |s| within start..end, of the given width."""
    total = np.zeros_like(s)
    for path, start, end, width in paths:
        d = (r - path(s)) / width
        fade = ramp(s, start - 18, start + 18) * (1 - ramp(s, end - 25, end + 18))
        total += fade * (bump(d) - 0.45 * bump(d / 1.0 - 2.2) - 0.3 * bump(d + 2.2))
    return total


@cache
def fields(size: int) -> Fields:
    """The fields at a size; kept, they take a few seconds to make at 1024."""
    base = max(256, min(SIDE, 2 * size))
    place = (np.arange(base) + 0.5) * SIDE / base
    s, r = np.meshgrid(place - SIDE / 2, place)
    a = np.abs(s)

    def small(field: Wide) -> Floats:
        return cv2.resize(field.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)

    def spot(s0: float, r0: float, ws: float, wr: float) -> Wide:
        return bump(np.hypot((a - s0) / ws, (r - r0) / wr))

    grain = noise(s / 5, r / 5, 1) + 0.8 * noise(s / 2.6, r / 2.6, 2)
    mottle = noise(s / 30, r / 30, 3) + 0.6 * noise(s / 13, r / 13, 4)
    p: dict[str, Wide] = {"one": np.ones_like(s), "mottle": mottle, "pores": grain}
    p["flush"] = spot(165, 470, 60, 42) + 0.25 * mottle * spot(165, 470, 75, 60) + 0.35 * spot(0, 700, 50, 24)
    p["nose_flush"] = spot(0, 478, 38, 20) + 0.9 * spot(58, 490, 18, 16)
    lips = ramp(r, LIP_TOP(a) - 3, LIP_TOP(a) + 3) * (1 - ramp(r, LIP_BOTTOM(a) - 4, LIP_BOTTOM(a) + 4))
    p["lips"] = lips * (1 - ramp(a, 92, 100))
    p["lip_lines"] = p["lips"] * (noise(s / 3.2, r / 26, 5) + 0.4 * noise(s / 1.8, r / 14, 6))
    slit = bump((r - MOUTH_ROW) / 2.6) * (1 - ramp(a, 82, 98))
    p["slit"] = slit + 0.5 * spot(96, 595, 7, 4)
    p["nostrils"] = bump(np.hypot((a - 30 - 0.4 * (r - 503)) / 11, (r - 504) / 5.0) ** 2) + 0.18 * spot(0, 512, 40, 7)
    p["nostrils"] = p["nostrils"] + 0.2 * bump((a - 79 - 0.1 * (r - 490)) / 4) * bump((r - 492) / 14)
    p["eye_bags"] = spot(112, 412, 38, 13) + 0.5 * spot(78, 398, 16, 14) + 0.25 * spot(112, 358, 45, 12)
    upper, lower = lid_rows(s)
    eyes = ramp(a, EYE_INNER - 4, EYE_INNER + 2) * (1 - ramp(a, EYE_OUTER - 2, EYE_OUTER + 5))
    crease = bump((r - (upper - 12 + 0.05 * (a - 118))) / 2.2)
    p["lids"] = eyes * (0.55 * crease + 0.16 * bump((r - upper + 6) / 8) + 0.35 * bump((r - lower - 1) / 1.8))
    wobble = 4 * noise(s / 60, r / 400, 7)
    p["wrinkle_forehead"] = _lines(
        a, r + wobble + 0.00035 * (a - 70) ** 2, [(lambda x, q=q: 0 * x + q, 0, w, 2.6)
        for q, w in ((186, 120), (212, 150), (236, 160), (258, 140), (278, 95))],
    ) + 0.8 * bump((a - 20 + 0.08 * (r - 320)) / 2.6) * bump((r - 322) / 17)  # fmt: skip
    p["wrinkle_eyes"] = _lines(
        a, r + 0.5 * wobble, [(lambda x, k=k: 384 + k * (x - 160) + 0.0012 * (x - 160) ** 2, 182, 232, 2.2)
        for k in (-0.50, -0.16, 0.18, 0.52)],
    ) + 0.7 * _lines(a, r, [(lambda x: 408 - 0.0022 * (x - 118) ** 2, 78, 158, 2.4),
                            (lambda x: 421 - 0.0018 * (x - 118) ** 2, 86, 150, 2.6)])  # fmt: skip
    fold = 84 + 0.30 * (r - 490) + 0.0009 * (r - 490) ** 2
    p["wrinkle_folds"] = bump((a - fold) / 4) * ramp(r, 484, 515) * (1 - ramp(r, 575, 612))
    p["wrinkle_folds"] = p["wrinkle_folds"] - 0.35 * bump((a - fold - 9) / 5) * ramp(r, 484, 515) * (1 - ramp(r, 575, 612))
    p["wrinkle_folds"] += 0.7 * bump((a - 103 - 0.12 * (r - 610)) / 3.5) * ramp(r, 600, 618) * (1 - ramp(r, 645, 670))
    p["ear_flush"] = spot(352, 464, 45, 95)
    f, q = (a - 350 + 8 * (r - 464) / 112) / 46, (r - 464) / 104
    inside_ear = 1 - ramp(np.hypot(f, q), 0.9, 1.05)
    p["ear_shadow"] = inside_ear * (
        0.8 * bump((np.hypot(f * 0.95, q) - 0.68) / 0.07) * ramp(q - 0.5 * f, 0.75, 0.1)
        + 0.9 * bump(np.hypot((f + 0.28) / 0.26, (q - 0.14) / 0.26)) + 0.5 * bump(np.hypot((f - 0.1) / 0.13, (q + 0.3) / 0.3))
    )
    p["seam"] = 0.6 * spot(0, 655, 55, 8) + 0.30 * bump((r - 775) / 22) * bump(s / 330)

    beard = ramp(r, BEARD_TOP(a) - 14, BEARD_TOP(a) + 20) * (1 - ramp(r, BEARD_END(a) - 40, BEARD_END(a) + 6))
    beard *= 1 - 0.75 * spot(0, 644, 34, 9) * (r < 655)
    beard *= 1 - ramp(a, 290, 304)
    lip_edge = LIP_TOP(np.minimum(a, 96))
    moustache = ramp(r, 520 + 0.12 * a, 536 + 0.12 * a) * (1 - ramp(r, lip_edge - 6, lip_edge)) * (1 - ramp(a, 88, 112))
    moustache = np.maximum(moustache, ramp(r, 540, 575) * (1 - ramp(r, 640, 665)) * bump((a - 112) / 11))
    moustache *= 1 - 0.5 * spot(0, 540, 8, 16)
    stubble = noise(s / 2.1, r / 2.1, 8) + noise(s / 3.1, r / 4.3, 9)
    p["stubble_shade"] = np.maximum(beard, moustache)
    for k in range(FRECKLE_FIELDS):
        dots = noise(s / 7 + 31.7 * k, r / 7, 20 + k) + 0.5 * noise(s / 3.4, r / 3.4 + 17.3 * k, 30 + k)
        where = spot(120, 455, 130, 70) + 0.35 * spot(60, 250, 130, 60) + 0.25 * spot(150, 620, 120, 60)
        p[f"freckles{k}"] = np.clip((dots - 0.62) * 2.6, 0, 1) * np.minimum(where, 1)
    for k in range(BLOTCHES):
        p[f"blotch{k}"] = noise(s / 95 + 5.3 * k, r / 95 + 2.1 * k, 40 + k)

    along, across = s * np.where(s > 0, 1, -1) * 0.9 + 0.45 * (r - 315), r - 315 + 0.35 * (a - 110)
    hairs = noise(along / 16, across / 2.6, 10) + 0.5 * noise(along / 9, across / 1.7, 11)
    d = (r - BROW_ROW(a)) / BROW_HALF(a)
    strokes = np.clip(1.25 - np.abs(d) ** 2.0 + 0.55 * hairs, 0, 1.3) * ramp(a, 44, 62) * (1 - ramp(a, 186, 208))
    strokes = np.where(np.abs(d) < 1.9, strokes, 0)

    # Combed hair runs away from the face; loose hair falls.
    turn, far = np.arctan2(s, 470 - r), np.hypot(s, 470 - r)
    strands = noise(turn * 95, far / 160, 12) + 0.8 * noise(turn * 210 + 0.004 * far, far / 110, 13)
    strands = 0.6 * strands + 0.35 * noise(turn * 26, far / 200, 14)
    sway = 9 * noise(s / 90, r / 130, 15)
    locks = 0.7 * noise((s + sway) / 4.2, r / 90, 16) + 0.5 * noise((s + sway) / 2.2, r / 70, 17)
    locks += 0.5 * noise((s + sway) / 15, r / 160, 18)
    depth = above_hairline(s, r)
    sclera = ramp(r, upper - 1.2, upper + 1.6) * (1 - ramp(r, lower - 1.6, lower + 1.2))
    sclera *= ramp(a, EYE_INNER - 1, EYE_INNER + 4) * (1 - ramp(a, EYE_OUTER - 4, EYE_OUTER + 1))
    iris = np.full_like(s, 9.0)
    light = np.zeros_like(s)
    rows = slice(int(340 * base / SIDE), int(425 * base / SIDE) + 1)
    position = mean_surface(s[rows], r[rows])
    x, y = np.abs(position[..., 0]) - 0.312, position[..., 1] - 0.0
    iris[rows] = np.hypot(x, y) / 0.066
    light[rows] = bump(np.hypot(position[..., 0] * np.sign(s[rows]) - 0.312 + np.sign(s[rows]) * 0.018, y - 0.020) / 0.0085)
    lash_edge = upper - 0.5
    flick = 3.5 + 3.0 * ramp(a, 110, 165) + 2 * noise(s / 3.0, r / 20, 19)
    lash = np.clip(1.15 - np.abs((r - lash_edge + 0.30 * flick) / (0.55 * flick)) ** 2, 0, 1)
    lash *= ramp(a, EYE_INNER, EYE_INNER + 18) * (1 - ramp(a, EYE_OUTER + 1, EYE_OUTER + 12))
    skin = (depth < -3) & (r < 742 - 0.00135 * a**2 + 0 * r) & (a < 292)
    skin &= ~((r > upper - 9) & (r < lower + 9) & (a > EYE_INNER - 8) & (a < EYE_OUTER + 8))
    skin &= ~((np.abs(r - MOUTH_ROW) < 3.5) & (a < MOUTH_CORNER - 8))
    return Fields(
        pigments=np.stack([small(p[name]) for name in PIGMENTS], -1),
        strokes=small(strokes),
        beard=small(beard),
        moustache=small(moustache),
        stubble=small(stubble),
        scalp=small(depth),
        strands=small(strands),
        locks=small(locks),
        sclera=small(sclera),
        iris=small(iris),
        lid_shadow=small(bump((r - upper) / 6.5)),
        lash=small(lash),
        catchlight=small(light),
        teeth=small(bump((r - 592.2) / 1.9) * (1 - ramp(a, 70, 92))),
        skin=small(skin.astype(np.float64)) > 0.5,
    )


@cache
def _mole_places() -> Wide:
    """Places and sizes of the candidate moles, [MOLES, 3]: s, r and radius in layout pixels."""
    rng = np.random.default_rng([5, 11])
    places: list[tuple[float, float, float]] = []
    while len(places) < MOLES:
        s, r = rng.uniform(-250, 250), rng.uniform(200, 730)
        clear = abs(r - EYE_ROW) > 50 and not (abs(s) < 105 and 555 < r < 640) and not (abs(s) < 30 and r < 480)
        if clear and (s / 280) ** 2 + ((r - 430) / 330) ** 2 < 1:
            places.append((s, r, rng.uniform(2.2, 4.8)))
    return np.array(places)


@dataclass(frozen=True)
class Hair:
    """A person's hair that stands off the head, float32.

    colour  [S, S, 3] reflectance, linear light
    cover   [S, S], above 0.5 where that hair is
    loose   [S, S], above 0.5 where it is a fringe or a lock over skin
    """

    colour: Floats
    cover: Floats
    loose: Floats


def weights(person: Person) -> Floats:
    """Amounts of the three pigments in each field, [3, P]."""
    m, h = person.melanin, person.haemoglobin
    w = {name: np.zeros(3) for name in PIGMENTS}
    w["one"][:] = (m, h, 0)
    w["mottle"][:] = (0.008 + 0.012 * m, 0.030, 0.004)
    w["pores"][:] = (0.012 + 0.02 * m, 0.03, 0.022)
    w["flush"][:] = (0, 0.14 + 0.35 * h, 0)
    w["nose_flush"][:] = (0.01, 0.22 + 0.25 * h, 0)
    w["lips"][:] = (0.06 + 0.08 * m, 0.62 + 0.30 * person.lips[0] - 0.3 * m, 0.03 + 0.10 * person.lips[1])
    w["lip_lines"][:] = (0.01, 0.10, 0.05)
    w["slit"][:] = (0.1, 0.4, 1.1)
    w["nostrils"][:] = (0.3, 0.9, 1.2)
    w["eye_bags"][:] = (0.02 + 0.10 * person.eye_bags, 0.12 + 0.45 * person.eye_bags, 0.02 + 0.10 * person.eye_bags)
    w["lids"][:] = (0.04, 0.40, 0.40)
    w["wrinkle_forehead"][2] = 0.24 * person.wrinkles[0]
    w["wrinkle_eyes"][2] = 0.26 * person.wrinkles[1]
    folded = min(1.0, float(person.wrinkles[2]) + 0.6 * person.smile)
    w["wrinkle_folds"][:] = (0, 0.15 * folded, 0.08 + 0.34 * folded)
    # A shaved beard shows through the skin as a cool shadow.
    shadow = person.male * float(np.clip((person.age - 15) / 6, 0, 1))
    w["stubble_shade"][:] = (0.0, -0.04 * shadow, (0.07 + 0.09 * person.hair_melanin) * shadow)
    w["ear_flush"][:] = (0, 0.35, 0.05)
    w["ear_shadow"][:] = (0.05, 0.25, 0.22)
    w["seam"][:] = (0, 0.10, 0.10)
    for k in range(FRECKLE_FIELDS):
        w[f"freckles{k}"][:] = np.array([0.22, 0.08, 0.01]) * person.freckles[k]
    for k in range(BLOTCHES):
        w[f"blotch{k}"][:] = np.array([0.012 + 0.02 * m, 0.055, 0.004]) * person.blotches[k]
    return np.stack([w[name] for name in PIGMENTS], -1).astype(np.float32)


def hair_colour(person: Person) -> Wide:
    """Linear reflectance of the person's hair, [3]."""
    dark, red = person.hair_melanin, person.hair_red
    pigment = np.exp(-(0.75 + 3.1 * dark * np.array([0.84, 1.0, 1.14]) + 0.8 * red * np.array([0.0, 0.55, 0.9])
                       + 0.55 * (1 - dark) * np.array([0.0, 0.4, 1.3])))  # fmt: skip
    return np.asarray(pigment * (1 - person.grey) + person.grey * np.array([0.46, 0.45, 0.44]))


def paint(person: Person, size: int) -> Floats:
    """Reflectance of a person's head, combed hair painted on: linear light, float32 [size, size, 3]."""
    f = fields(size)
    tone = BASE - person.undertone * YELLOW
    # In the logarithm everything is linear: fields -> pigments -> absorbance in red, green and blue.
    linear = (ABSORPTION.T @ weights(person)).astype(np.float32)
    skin = np.empty((size, size, 3), np.float32)
    _reflect(f.pigments, linear, tone.astype(np.float32), skin)
    _paint_moles(skin, person)

    # Brows, beard and combed hair.
    colour = hair_colour(person).astype(np.float32)
    density, width = person.brows
    hairy = np.clip(f.strokes * (0.55 + 1.1 * density) - 0.22 + 0.42 * width * (f.strokes > 0), 0, 1) * np.float32(0.88)
    strength = np.float32(person.beard)
    full = np.maximum(f.beard, f.moustache * np.float32(0.4 + 0.6 * person.moustache))
    grown = np.clip(full * (1.5 * strength) + (0.35 * f.stubble - 0.25) * (full > 0.02), 0, 1) * min(1, 2 * person.beard)
    hairy = np.maximum(hairy, grown * np.float32(0.92))
    depth = _depth(person, f)
    scalp = np.clip((depth + 10 * f.strands) / 26 + 0.2, 0, 1)
    hairy = np.maximum(hairy, scalp)
    thread = np.where(scalp > 0.3, f.strands, f.stubble)
    lit = np.clip(1 + 0.42 * thread, 0.3, 2.0)
    for channel in range(3):
        layer = skin[..., channel]
        layer += hairy * (colour[channel] * lit - layer)

    _paint_eyes(skin, person, f)
    return skin


def _depth(person: Person, f: Fields) -> Floats:
    """Distance into the person's own hair, layout pixels."""
    return f.scalp - np.float32(70 * person.receding)


@njit(cache=True, fastmath=True)
def _reflect(fields: Floats, linear: Floats, tone: Floats, out: Floats) -> None:
    """out [S, S, 3] = exp(tone - linear [3, P] @ fields [S, S, P])."""
    side, _, count = fields.shape
    for i in range(side):
        for j in range(side):
            r, g, b = tone[0], tone[1], tone[2]
            for k in range(count):
                value = fields[i, j, k]
                r -= linear[0, k] * value
                g -= linear[1, k] * value
                b -= linear[2, k] * value
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = np.exp(r), np.exp(g), np.exp(b)


def _paint_moles(skin: Floats, person: Person) -> None:
    scale = skin.shape[0] / SIDE
    for (s0, r0, radius), strength in zip(_mole_places(), person.moles, strict=True):
        if strength > 0:
            col, row, reach = (s0 + SIDE / 2) * scale - 0.5, r0 * scale - 0.5, max(radius * scale, 0.6)
            i0, j0, half = int(row - 3 * reach), int(col - 3 * reach), int(6 * reach) + 2
            i, j = np.mgrid[i0 : i0 + half, j0 : j0 + half]
            dot = np.exp(-((((i - row) ** 2 + (j - col) ** 2) / reach**2) ** 1.5))
            # A mole smaller than a texel keeps its weight, not its depth.
            dot *= 0.75 * strength * min(1.0, (radius * scale / 0.6) ** 2)
            skin[i0 : i0 + half, j0 : j0 + half] *= np.exp(-dot[..., None] * ABSORPTION[0]).astype(np.float32)


def _paint_eyes(skin: Floats, person: Person, f: Fields) -> None:
    """Eyes, lashes and teeth over the skin, in place."""
    size = skin.shape[0]
    rows = slice(size * 335 // SIDE, size * 425 // SIDE + 1)
    sclera, iris, shadow = f.sclera[rows], f.iris[rows], f.lid_shadow[rows]
    white = np.array([0.62, 0.57, 0.54], np.float32) * (1 - 0.25 * np.clip((iris[..., None] - 1.2) / 1.5, 0, 1))
    brown, green = person.iris
    pale = (1 - green) * np.array([0.16, 0.26, 0.36]) + green * np.array([0.20, 0.25, 0.14])
    ring = (1 - brown) * pale + brown * np.array([0.11, 0.05, 0.022])
    eye = white.astype(np.float32)
    inside = np.clip((1.06 - iris) / 0.12, 0, 1)[..., None]
    shade = (0.75 + 0.55 * np.clip(1 - iris, 0, 1) - 0.6 * bump((iris - 1.0) / 0.12))[..., None]
    eye = eye * (1 - inside) + inside * (ring * shade)
    eye *= 1 - np.clip((0.46 - iris) / 0.10, 0, 1)[..., None] * 0.94
    eye *= (1 - 0.55 * shadow)[..., None]
    eye += 0.75 * f.catchlight[rows][..., None] * np.clip(1.6 - iris, 0, 1)[..., None]
    part = skin[rows]
    part += sclera[..., None] * (eye.astype(np.float32) - part)
    dark = (f.lash[rows] * (0.45 + 0.5 * person.lashes))[..., None]
    part *= 1 - dark * np.float32(0.93)
    mouth = float(person.expression[1])
    if mouth > 0:
        rows = slice(size * 580 // SIDE, size * 605 // SIDE + 1)
        part = skin[rows]
        part += (min(1.0, 2.5 * mouth) * f.teeth[rows])[..., None] * (np.array([0.62, 0.57, 0.50], np.float32) - part)


def paint_hair(person: Person, size: int) -> Hair:
    """The hair that stands off a person's head, painted at ``size`` texels a side."""
    f = fields(size)
    depth = _depth(person, f)
    colour = hair_colour(person).astype(np.float32)
    place = ((np.arange(size) + 0.5) * SIDE / size).astype(np.float32)
    s, r = place[None] - SIDE / 2, place[:, None]
    loose = np.zeros((size, size), np.float32)
    if person.fringe > 0:
        reach = 110 + 250 * person.fringe * np.clip(1.25 - (np.abs(s) / 290) ** 2, 0, 1) ** 0.6
        edge = (reach - r + 34 * f.locks) / 30
        gaps = 0.75 + 1.3 * f.locks
        loose = np.maximum(loose, np.where(np.abs(s) < 270, np.minimum(np.clip(edge, 0, 1), np.clip(edge / 3 + gaps, 0, 1)), 0))
    if person.strand:
        side = np.sign(person.strand)
        width = 95 * abs(person.strand)
        middle = 262 - 60 * np.clip((r - 180) / 200, 0, 1) + 30 * np.clip((r - 420) / 220, 0, 1)
        inside = 1 - np.abs(side * s - middle + 14 * f.locks) / width
        ends = np.clip((r - 120) / 40, 0, 1) * np.clip((690 - r + 60 * f.locks) / 50, 0, 1)
        loose = np.maximum(loose, np.clip(inside * 4, 0, 1) * ends).astype(np.float32)
    cover = np.maximum(np.clip((depth - 14 + 8 * f.strands) / 14, 0, 1), loose)
    grain = np.where(loose > 0.02, f.locks, f.strands)
    hair = colour * np.clip(1 + 0.5 * grain, 0.3, 2.2)[..., None]
    return Hair(hair.astype(np.float32), cover.astype(np.float32), loose.astype(np.float32))
