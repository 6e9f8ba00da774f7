"""The six classes of skin tone (Del Bino and Bernerd, 2013), by the individual typology angle (ITA)."""

from __future__ import annotations

import math

import polars as pl

CLASSES = (
    (55.0, "very light"),
    (41.0, "light"),
    (28.0, "intermediate"),
    (10.0, "tan"),
    (-30.0, "brown"),
    (-math.inf, "dark"),
)
"""The ITA, degrees, that a class lies above, and its name."""


def ita_class(degrees: float) -> str | None:
    """The name of an ITA's skin-tone class; None for NaN."""
    return next((name for bound, name in CLASSES if degrees > bound), None)


def lightest_first(column: str) -> pl.Expr:
    """What to sort a table by for its classes' names to come in the order of `CLASSES`; other values come last."""
    names = [name for _, name in CLASSES]
    return pl.col(column).replace_strict(names, range(len(names)), default=len(names))
