"""The interface of the room: from aligned faces to what they look like."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NOTE = "Guesses about the appearance of a face in a picture, not facts about a person. For research only."
"""What is written into every file of attributes."""


@dataclass(frozen=True)
class Told:
    """A value, None where it is not known, and by whom it was told."""

    value: float | None
    by: str | None


UNKNOWN = Told(None, None)


@dataclass(frozen=True)
class Appearance:
    """What a face looks like.

    age      years
    gender   apparent: 1 male, 0 female
    beard    0..1; by `beard.beard` an ordering, not a measure of length
    smile    0..1
    glasses  1 with, 0 without
    """

    age: Told = UNKNOWN
    gender: Told = UNKNOWN
    beard: Told = UNKNOWN
    smile: Told = UNKNOWN
    glasses: Told = UNKNOWN

    def values(self) -> dict[str, float | None]:
        """The values by their names."""
        return {field.name: getattr(self, field.name).value for field in fields(self)}

    def sources(self) -> dict[str, str | None]:
        """By whom each value was told."""
        return {field.name: getattr(self, field.name).by for field in fields(self)}


class Describer(Protocol):
    """Describes a face."""

    def __call__(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float64], id: str) -> Appearance:
        """The appearance of the face with 68 landmarks [68, 2] (column, row) in a picture uint8 RGB [H, W, 3].

        ``id`` is the sample's, for those who look its attributes up.
        """
        ...
