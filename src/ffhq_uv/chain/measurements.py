"""What is measured of a sample: the columns of the tables, and what became of one sample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "reason": pl.String,
    "note": pl.String,
    "bs_error": pl.Float64,
    "bs_error_of_luma": pl.Float64,
    "valid_area_ratio": pl.Float64,
    "expression": pl.Float64,
    "light": pl.Float64,
    "skin_tone": pl.Float64,
    "identity": pl.List(pl.Float32),
}
"""The measurements table: ``reason`` is null, or why the sample failed and has no measurements.

note               null, or what to know of a sample that did not fail, such as ``landmarks_guessed:left``
bs_error           grey levels, of the extracted map
bs_error_of_luma   per cent of the map's mean luma: the same uneven light counts the same on any skin
valid_area_ratio   0..1
expression         0 is neutral; the unit is that of the configured measure
light              how uneven DPR finds the light on the front face, 0 is even; null where it is not estimated
skin_tone          ITA, degrees
identity           the embedding of the front face
"""

LONG = ("identity",)
"""Columns of long lists, of which a table of many samples is not held in memory."""

DETECTED: dict[str, pl.DataType | type[pl.DataType]] = {
    "detected_gender": pl.Int64,
    "detected_age": pl.Float64,
    "detected_beard": pl.Float64,
    "detected_smile": pl.Float64,
}
"""Further columns of the new samples' measurements; null where nobody told: no face was found, no network is there.

detected_gender   apparent: 1 male, 0 female
detected_age      years
detected_beard    0..1
detected_smile    0..1
"""


@dataclass(frozen=True)
class Sample:
    """What became of one sample: why it failed, or its measurements and pictures.

    measurements   a row of the measurements table, without id and reason
    faces          uint8 [V, H, W, 3]
    texture        uint8 [S, S, 3]
    """

    id: str
    reason: str | None
    measurements: dict[str, Any] = field(default_factory=dict)
    faces: NDArray[np.uint8] | None = None
    texture: NDArray[np.uint8] | None = None

    def row(self) -> dict[str, Any]:
        """The sample's row of the measurements table (`SCHEMA`)."""
        return {"id": self.id, "reason": self.reason, **self.measurements}
