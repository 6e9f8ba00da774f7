"""A person: what the read-outs of a code mean, and how people are drawn at random.

The squashing from unbounded read-outs to physical values is smooth, so people change continuously with their
codes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.studio.codes import AMBIENT, BLOTCHES, FRECKLE_FIELDS, MOLES, Codes, read
from ffhq_uv.studio.head import EXPRESSION, IDENTITY

Floats = NDArray[np.float64]

BADLY_LIT = 0.12
"""A sample is badly lit from this uneven light: length of the light's sideways coefficients (X, YX, XZ), the
uniform light's being 1. About 14 % of brightness between the cheeks."""
SMILING = 0.25
"""A sample is smiling from this share of the full smile."""
HIDDEN_SKIN = 0.25
"""Skin is hidden from this fringe (share of the way to the lids) or lock (share of its full width)."""

_MASCULINE = {
    "jaw_width": 0.55, "jaw_drop": 0.5, "chin_width": 0.7, "chin_length": 0.4, "brow_ridge": 0.9,
    "neck_width": 0.9, "lip_fullness": -0.5, "eye_size": -0.35, "nose_width": 0.35,
    "nose_length": 0.3, "cheek_fullness": -0.2, "face_length": 0.3, "forehead": -0.3,
}  # fmt: skip
_CHILDLIKE = {
    "face_length": -1.6, "nose_length": -1.6, "nose_bridge": -1.4, "jaw_width": -0.8, "cheek_fullness": 1.0,
    "eye_size": 1.6, "chin_forward": -0.8, "brow_ridge": -1.2, "neck_width": -1.6,
    "forehead": 0.9, "mouth_width": -0.8,
}  # fmt: skip
_ELDERLY = {
    "cheek_fullness": -0.8,
    "jaw_drop": 0.7,
    "ear_size": 1.0,
    "lip_fullness": -0.8,
    "nose_length": 0.5,
}


@dataclass(frozen=True)
class Person:
    """What a code looks like. Coefficients are those of `head.Head`; shares are 0..1."""

    yaw: float  # degrees, positive turns the nose to larger image x
    pitch: float  # degrees, positive looks down
    identity: NDArray[np.float32]
    expression: NDArray[np.float32]
    light: NDArray[np.float32]  # SH, DPR's order
    age: float  # years
    male: float  # share
    beard: float  # share
    moustache: float  # share of the beard's strength on the lip
    fringe: float  # share of the way from the hairline to the lids
    strand: float  # -1..1: a lock over the cheek at the image's left .. right
    hair_volume: float  # share
    receding: float  # share
    melanin: float  # share
    haemoglobin: float  # share
    undertone: float  # about -1..1, yellow above 0
    hair_melanin: float  # share
    hair_red: float  # share
    grey: float  # share
    iris: Floats  # [2] shares: melanin, and green against blue
    lips: Floats  # [2] redness and depth, about -1..1
    brows: Floats  # [2] shares: density and width
    lashes: float  # share
    eye_bags: float  # share
    wrinkles: Floats  # [3] shares: forehead, crow's feet, folds
    sheen: float  # share
    freckles: Floats  # [FRECKLE_FIELDS] shares
    blotches: Floats  # [BLOTCHES] about -1..1
    moles: Floats  # [MOLES] shares
    clothes: Floats  # [3] shares
    background: Floats  # [9] shares

    @property
    def smile(self) -> float:
        """Share of the full smile."""
        return float(self.expression[list(EXPRESSION).index("smile")])

    @property
    def uneven_light(self) -> float:
        """Length of the light's sideways coefficients relative to the uniform one."""
        return float(np.linalg.norm(self.light[[3, 4, 7]]) / self.light[0])

    @property
    def hidden_skin(self) -> float:
        """The larger of fringe and lock."""
        return max(self.fringe, abs(self.strand))


def share(x: Floats | float) -> Floats:
    """0 up to 0, 1 from 1, a smooth step between."""
    t = np.clip(x, 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def logistic(x: Floats | float) -> Floats:
    """(0, 1), 1/2 at 0."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(x, float))))


def person(codes: Codes) -> Person:
    """The person of a code [18, 512]. Raises ValueError if an entry is not finite."""
    if not np.isfinite(codes).all():
        raise ValueError("latent_nonfinite: a code has entries that are not finite")
    raw = read(codes)
    value = {name: float(array[0]) for name, array in raw.items() if array.shape == (1,)}
    age = 2 + 78 * float(logistic(value["age"]))
    male = float(logistic(4 * value["gender"]))
    grown = float(share((age - 5) / 13))
    elderly = float(share((age - 38) / 40))
    identity = raw["identity"].copy()
    kinds = (((2 * male - 1) * grown, _MASCULINE), (1 - grown, _CHILDLIKE), (elderly, _ELDERLY))
    for amount, weights in kinds:
        for name, weight in weights.items():
            identity[list(IDENTITY).index(name)] += amount * weight
    # A code far outside the crowd must still be a head: nobody is further out than 3 standard deviations.
    identity = 3 * np.tanh(identity / 3)
    strand = value["strand"]
    return Person(
        yaw=value["yaw"],
        pitch=value["pitch"],
        identity=identity.astype(np.float32),
        expression=share(raw["expression"]).astype(np.float32),
        light=raw["light"].astype(np.float32),
        age=age,
        male=male,
        beard=float(share(value["beard"])) * float(share((age - 13) / 8)),
        moustache=float(share(0.5 + value["moustache"])),
        fringe=float(share(value["fringe"] - 0.05)),
        strand=float(np.sign(strand) * share(abs(strand) - 0.05)),
        hair_volume=float(share(value["hair_volume"])),
        receding=float(share(value["hairline"] + 1.1 * elderly * male - 0.35)),
        melanin=float(logistic(1.15 * value["melanin"] - 1.0)),
        haemoglobin=float(logistic(value["haemoglobin"] - 1.6)),
        undertone=float(np.tanh(0.7 * value["undertone"] + 0.35)),
        hair_melanin=float(logistic(1.4 * value["hair_melanin"] + 1.2 + 1.2 * value["melanin"])),
        hair_red=float(logistic(value["hair_red"] - 1.2)),
        grey=float(share((age - 36) / 45 + 0.18 * value["grey"])),
        iris=logistic(np.array([1.6, 1.3]) * raw["iris"] + np.array([1.0 + 1.8 * value["melanin"], 0.0])),
        lips=np.tanh(raw["lips"]),
        brows=logistic(raw["brows"] + np.array([0.7, 0.6 * (2 * male - 1)])),
        lashes=float(logistic(value["lashes"] + 1.6 * (0.5 - male))),
        eye_bags=float(logistic(value["eye_bags"] - 1.0 + 1.2 * elderly)),
        wrinkles=share((age - 26) / 48 + 0.12 * raw["wrinkles"]),
        sheen=float(logistic(value["sheen"] - 0.4)),
        freckles=share(0.55 * raw["freckles"] - 0.45 - 0.5 * value["melanin"]),
        blotches=np.tanh(raw["blotches"]),
        moles=share(1.6 * raw["moles"] - 1.9),
        clothes=logistic(1.2 * raw["clothes"]),
        background=logistic(1.2 * raw["background"]),
    )


def draw(seed: tuple[int, ...], normalised: bool) -> dict[str, Floats | float]:
    """Random parameters of a person, for `codes.encode`: who it is depends on the seed only.

    ``normalised`` people face the camera in uniform light and without expression, but not perfectly: about
    23 % keep an uneven light, 15 % a smile, 15 % a fringe or a lock, each drawn on its own and of graded
    strength. The others (the reference, as photographed) vary freely in pose, light, expression and hair.
    """
    who, how = (np.random.default_rng([*seed, stream]) for stream in (1, 2 if normalised else 3))
    man = who.random() < 0.5
    p: dict[str, Floats | float] = {
        "gender": (1 if man else -1) * who.uniform(0.7, 1.2),
        "identity": 0.95 * who.normal(size=len(IDENTITY)),
        "age": who.normal(-0.45, 0.85),
        "beard": who.normal(0.30, 0.42) if man else who.normal(-0.9, 0.12),
        "moustache": 0.35 * who.normal(),
        "hairline": 0.35 * who.normal(),
        "hair_volume": who.normal(0.35, 0.2) if man else who.normal(0.5, 0.22),
        "melanin": who.normal(-0.1, 1.15),
        "freckles": who.normal(0.1, 0.8) + 0.3 * who.normal(size=FRECKLE_FIELDS),
        "blotches": 0.6 * who.normal(size=BLOTCHES),
        "moles": who.normal(size=MOLES),
        "iris": who.normal(size=2),
        "lips": 0.6 * who.normal(size=2),
        "brows": 0.8 * who.normal(size=2),
        "wrinkles": who.normal(size=3),
        "clothes": 1.3 * who.normal(size=3),
        "background": 1.3 * who.normal(size=9),
    }
    singles = ("haemoglobin", "undertone", "hair_melanin", "hair_red", "grey", "lashes", "eye_bags", "sheen")
    p |= {name: 0.8 * who.normal() for name in singles}
    condition = _normalised(how) if normalised else _photographed(how)
    return p | condition


def _normalised(rng: np.random.Generator) -> dict[str, Floats | float]:
    """Pose, light, expression and loose hair after normalisation, with its faults."""
    light = np.array(AMBIENT, float)
    light[1:] += 0.012 * rng.normal(size=8)
    expression = np.full(len(EXPRESSION), -0.2)
    fault, side = rng.random(3), rng.choice((-1.0, 1.0), 2)
    if fault[0] < 0.23:
        strength = rng.uniform(0.10, 0.34)
        light[3] += side[0] * strength
        light[[4, 7]] += side[0] * strength * np.array([-0.25, 0.3]) * rng.uniform(0, 1, 2)
        light[2] += rng.normal(0, 0.05)
    if fault[1] < 0.15:
        expression[0] = rng.uniform(0.28, 0.95)
        expression[1] = rng.uniform(-0.2, 0.35)
    fringe, strand = -0.2, 0.0
    if fault[2] < 0.08:
        fringe = rng.uniform(0.30, 0.85)
    elif fault[2] < 0.15:
        strand = side[1] * rng.uniform(0.30, 0.95)
    return {"light": light, "expression": expression, "fringe": fringe, "strand": strand}


def _photographed(rng: np.random.Generator) -> dict[str, Floats | float]:
    """Pose, light, expression and hair as they come."""
    light = np.array(AMBIENT, float)
    light[0] = rng.uniform(0.75, 1.05)
    light[1:4] += np.array([0.10, 0.14, 0.24]) * rng.normal(size=3)
    light[4:] += 0.07 * rng.normal(size=5)
    expression = rng.normal(-0.15, 0.3, len(EXPRESSION))
    expression[0] = rng.normal(0.35, 0.4)
    expression[1] = 0.6 * max(expression[0], 0) * rng.uniform(0, 1)
    return {
        "yaw": 14.0 * rng.normal(),
        "pitch": 5.0 * rng.normal(),
        "light": light,
        "expression": expression,
        "hair_volume": rng.normal(0.6, 0.3),
        "fringe": rng.uniform(0.1, 0.95) if rng.random() < 0.4 else -0.2,
        "strand": rng.choice((-1.0, 1.0)) * rng.uniform(0.2, 1.0) if rng.random() < 0.3 else 0.0,
    }
