"""data/bounds.parquet: the filter's criteria as resolved, for the gate to hold new samples to."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from ffhq_uv.selection.filter import Criterion
from ffhq_uv.store import files

SCHEMA = {"name": pl.String, "column": pl.String, "side": pl.String, "bound": pl.Float64}


def write_bounds(criteria: Sequence[Criterion]) -> None:
    """Write criteria whose quantiles are resolved."""
    rows = [{key: getattr(criterion, key) for key in SCHEMA} for criterion in criteria]
    files.write_table(files.BOUNDS, pl.DataFrame(rows, SCHEMA))


def read_bounds() -> tuple[Criterion, ...]:
    """The criteria that were written. Raises FileNotFoundError before the stage filter ran."""
    return tuple(Criterion(**row) for row in files.read_table(files.BOUNDS).iter_rows(named=True))
