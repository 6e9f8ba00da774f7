"""Skin, hair and eyes, painted in the UV square as a deterministic function of a person.

Skin is a stack of absorbing pigments (melanin, haemoglobin and plain shadow): the logarithm of its reflectance
is a weighted sum of fixed fields, so a person is a matrix of weights. Hair and eyes are laid over it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.studio.codes import BLOTCHES, FRECKLE_FIELDS, MOLES
from ffhq_uv.studio.fields import PIGMENTS, Fields, fields
from ffhq_uv.studio.head import EYE_ROW, SIDE, bump
from ffhq_uv.studio.person import Person

Floats = NDArray[np.float32]
Wide = NDArray[np.float64]

BASE = np.log(np.array([0.90, 0.78, 0.64]))
"""Logarithm of the linear reflectance of skin without pigment."""
ABSORPTION = np.array([[1.85, 2.50, 3.05], [0.10, 0.56, 0.44], [1.0, 1.0, 1.0]])
"""Absorbance of a unit of melanin, haemoglobin and shadow in red, green and blue."""
YELLOW = np.array([-0.03, 0.0, 0.16])
"""Absorbance of a unit of undertone."""


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
    w["eye_bags"][:] = (
        0.02 + 0.10 * person.eye_bags,
        0.12 + 0.45 * person.eye_bags,
        0.02 + 0.10 * person.eye_bags,
    )
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
    eumelanin, pheomelanin = np.array([0.84, 1.0, 1.14]), np.array([0.0, 0.55, 0.9])
    gold = np.array([0.0, 0.4, 1.3])
    pigment = np.exp(-(0.75 + 3.1 * dark * eumelanin + 0.8 * red * pheomelanin + 0.55 * (1 - dark) * gold))
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
    grown = np.clip(full * (1.5 * strength) + (0.35 * f.stubble - 0.25) * (full > 0.02), 0, 1) * min(
        1, 2 * person.beard
    )
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


@kernel
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
    shade = (0.75 + 0.55 * np.clip(1 - iris, 0, 1) - 0.6 * bump((iris.astype(np.float64) - 1.0) / 0.12))[..., None]
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
        loose = np.maximum(
            loose,
            np.where(np.abs(s) < 270, np.minimum(np.clip(edge, 0, 1), np.clip(edge / 3 + gaps, 0, 1)), 0),
        )
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
