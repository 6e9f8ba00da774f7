"""The plain columns of a data set: numbers and texts, without gaps."""

from __future__ import annotations

from typing import Any

import polars as pl


def without_gaps(table: pl.DataFrame) -> pl.DataFrame:
    """Texts that are not there are empty, numbers NaN (an integer column with gaps becomes floats)."""
    filled = []
    for column in table.get_columns():
        if column.dtype == pl.String:
            filled.append(column.fill_null(""))
        elif column.null_count():
            filled.append(column.cast(pl.Float64).fill_null(float("nan")))
        else:
            filled.append(column)
    return pl.DataFrame(filled)


def values(table: pl.DataFrame, row: int, columns: list[str]) -> dict[str, Any]:
    """Some of a row's values."""
    return {name: table[name][row] for name in columns}
