"""W+ codes that are people: a fixed linear read-out of [18, 512] into named parameters, and the way back.

Every parameter k owns one direction h_k of the 512 dimensions (a row of a Hadamard matrix: orthogonal,
entries +-1) and a range of layers, after StyleFlow's table of edits (yaw in layers 0 to 3, light in 7 to 11,
...). Its value is

    offset + scale * mean over its layers of <row, h_k> / (512 * AMPLITUDE)

so interpolating codes interpolates every parameter, and changing one layer range changes only what reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from ffhq_uv.studio.head import EXPRESSION, IDENTITY

Codes = NDArray[np.float32]
Floats = NDArray[np.float64]

LAYERS, WIDTH = 18, 512
AMPLITUDE = 0.05
"""What one unit of a parameter (before its scale) adds to every entry of its rows."""
RESIDUE = 0.25
"""Standard deviation of the part of a code that no parameter reads: the rest of an individual."""

AMBIENT = (1.0, -0.14, 0.20, 0, 0, 0, 0, 0, 0)
"""The light of a normalised face: uniform, with a little more from the front and from above (DPR's order)."""

MOLES = 32
FRECKLE_FIELDS = 4
BLOTCHES = 8


@dataclass(frozen=True)
class Parameter:
    """``count`` read-outs of layers first..last (inclusive); their values are offset + scale * reading."""

    name: str
    first: int
    last: int
    count: int = 1
    scale: float = 1.0
    offset: float | tuple[float, ...] = 0.0


PARAMETERS: tuple[Parameter, ...] = (
    Parameter("yaw", 0, 3, scale=30.0),  # degrees
    Parameter("pitch", 0, 3, scale=30.0),  # degrees
    Parameter("fringe", 0, 5),  # 0 none .. 1 down to the eyes
    Parameter("strand", 0, 5),  # -1 .. 1: a lock over the cheek at the image's left .. right
    Parameter("hair_volume", 0, 5),
    Parameter("hairline", 0, 5),
    Parameter("gender", 0, 7),  # female below 0 < male
    Parameter("identity", 4, 6, len(IDENTITY)),
    Parameter("expression", 4, 5, len(EXPRESSION)),
    Parameter("age", 4, 7),
    Parameter("beard", 5, 9),
    Parameter("moustache", 5, 9),
    Parameter("light", 7, 11, 9, scale=0.3, offset=AMBIENT),
    Parameter("melanin", 8, 17),
    Parameter("haemoglobin", 8, 17),
    Parameter("undertone", 8, 17),
    Parameter("hair_melanin", 8, 17),
    Parameter("hair_red", 8, 17),
    Parameter("grey", 8, 17),
    Parameter("iris", 8, 17, 2),
    Parameter("lips", 8, 17, 2),
    Parameter("brows", 8, 17, 2),
    Parameter("lashes", 8, 17),
    Parameter("eye_bags", 8, 17),
    Parameter("wrinkles", 8, 17, 3),
    Parameter("sheen", 8, 17),
    Parameter("freckles", 12, 17, FRECKLE_FIELDS),
    Parameter("blotches", 12, 17, BLOTCHES),
    Parameter("moles", 12, 17, MOLES),
    Parameter("clothes", 12, 17, 3),
    Parameter("background", 12, 17, 9),
)

_FIRST = {}
_COUNT = 0
for _parameter in PARAMETERS:
    _FIRST[_parameter.name] = _COUNT
    _COUNT += _parameter.count

_DIRECTIONS: Floats = np.asarray(hadamard(WIDTH), np.float64)[1 : _COUNT + 1]
"""[K, 512], one row a reading. Row 0 of the matrix, all ones, is left out: the mean of a row stays free."""


def read(codes: Codes) -> dict[str, Floats]:
    """The parameters of codes [..., 18, 512]: name -> [..., count]."""
    values = {}
    for p in PARAMETERS:  # by NumPy's own sums: BLAS adds up in another order on every kind of processor
        rows = codes[..., p.first : p.last + 1, :].mean(-2, dtype=np.float64)
        directions = _DIRECTIONS[_FIRST[p.name] : _FIRST[p.name] + p.count]
        values[p.name] = p.offset + p.scale / (WIDTH * AMPLITUDE) * np.einsum("...k,pk->...p", rows, directions)
    return values


def encode(parameters: Mapping[str, Floats | float], seed: tuple[int, ...]) -> Codes:
    """Codes [18, 512] that read as the given parameters (those left out read as their offset).

    ``seed`` draws the part that nothing reads. Raises ValueError for an unknown name.
    """
    if unknown := parameters.keys() - _FIRST.keys():
        raise ValueError(f"no such parameter: {', '.join(sorted(unknown))}; there are {', '.join(_FIRST)}")
    rest = np.random.default_rng(list(seed)).normal(0, RESIDUE, (LAYERS, WIDTH))
    # One part is common to all layers, as in codes that came from W.
    rest = 0.6 * rest + 0.8 * rest[:1]
    rest -= rest @ _DIRECTIONS.T @ _DIRECTIONS / WIDTH
    for p in PARAMETERS:
        if p.name in parameters:
            amount = (np.broadcast_to(parameters[p.name], (p.count,)) - np.asarray(p.offset)) / p.scale
            at = slice(_FIRST[p.name], _FIRST[p.name] + p.count)
            rest[p.first : p.last + 1] += AMPLITUDE * amount @ _DIRECTIONS[at]
    return rest.astype(np.float32)


def step(name: str, reading: int = 0) -> Floats:
    """What one unit of a parameter's reading adds to each of its rows, [512]."""
    scale = next(p.scale for p in PARAMETERS if p.name == name)
    return np.asarray(AMPLITUDE / scale * _DIRECTIONS[_FIRST[name] + reading])


def turned(front: Codes, yaw: float) -> Codes:
    """The same person turned by ``yaw`` more degrees: another code in layers 0 to 3 only."""
    view = front.copy()
    p = PARAMETERS[0]
    step = AMPLITUDE * yaw / p.scale * _DIRECTIONS[_FIRST[p.name]]
    view[p.first : p.last + 1] += step.astype(np.float32)
    return view
