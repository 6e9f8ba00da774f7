"""The landmarks of a target head: which of its vertices, or which points, the 68 of iBUG are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COUNT = 68
"""iBUG's landmarks: jaw 0-16, brows 17-26, nose 27-35, eyes 36-47, mouth 48-67."""


def read_landmarks(path: Path, vertices: NDArray[np.float32]) -> NDArray[np.float64]:
    """The landmarks float64 [68, 3] of a head with these vertices [N, 3]; NaN for one that is not known.

    The file has a line for each: a vertex, from 0; or a point, x y z; or ``-``. Or it is a JSON list of these (null).
    Raises FileNotFoundError, or ValueError with the line.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file of landmarks")
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = _json(path, text) if text.lstrip().startswith("[") else [line.split() for line in text.splitlines() if line]
    if len(rows) != COUNT:
        raise ValueError(f"{path}: {len(rows)} landmarks, expected {COUNT}, one a line ('-' where one is not known)")
    return np.array([_point(path, number, row, vertices) for number, row in enumerate(rows)])


def _json(path: Path, text: str) -> list[list[str]]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: no JSON ({error})") from None
    return [
        ["-"] if item is None else [str(part) for part in (item if isinstance(item, list) else [item])]
        for item in found
    ]


def _point(path: Path, number: int, words: list[str], vertices: NDArray[np.float32]) -> list[float]:
    try:
        if words == ["-"]:
            return [np.nan] * 3
        if len(words) == 1 and 0 <= (vertex := int(words[0])) < len(vertices):
            return [float(value) for value in vertices[vertex]]
        if len(words) == 3 and np.isfinite(point := [float(word) for word in words]).all():
            return point
    except ValueError:
        pass
    raise ValueError(
        f"{path}, landmark {number}: {' '.join(words)!r} is no vertex from 0 to {len(vertices) - 1}, no point x y z "
        "and no '-'"
    )
