"""Which samples are good enough: every sample kept, or dropped with all its reasons.

Measure, then bound: a criterion is a bound on a column that was measured before, so that it can move without
measuring again. A value on the bound is kept; a value that is missing or not finite never passes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import polars as pl


@dataclass(frozen=True)
class Criterion:
    """A bound on a measurement.

    name        how reasons and metrics call it
    column      the measurements' column that it bounds
    side        "max": larger values are dropped; "min": smaller ones
    bound       the bound, in the column's unit, or else
    quantile    the bound is the value at this quantile (0..1) of the samples that were measured
    """

    name: str
    column: str
    side: Literal["max", "min"]
    bound: float | None = None
    quantile: float | None = None

    def __post_init__(self) -> None:
        if (self.bound is None) == (self.quantile is None):
            raise ValueError(f"criterion {self.name}: a bound or a quantile expected, not both and not neither")
        if self.bound is not None and math.isnan(self.bound):
            raise ValueError(f"criterion {self.name}: bound {self.bound} found, a number expected")
        if self.quantile is not None and not 0 <= self.quantile <= 1:
            raise ValueError(f"criterion {self.name}: quantile {self.quantile} found, 0..1 expected")


def resolve(measurements: pl.DataFrame, criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria with every quantile replaced by the bound that it means for these measurements.

    The bound is a measured value, such that at least the asked share passes. New samples can then be held to
    the same bounds, instead of to quantiles of their own.

    Raises ValueError for a column that is missing, or without a finite value among the samples that did not
    fail: a criterion that was not measured must not pass silently.
    """
    fine = measurements.filter(pl.col("reason").is_null())
    resolved = []
    for criterion in criteria:
        name, column = criterion.name, criterion.column
        if column not in measurements.columns:
            raise ValueError(
                f"criterion {name} is on, but the measurements have no column {column!r}, only "
                f"{', '.join(measurements.columns)}: measure it, or switch the criterion off"
            )
        values = fine[column].cast(pl.Float64)
        values = values.filter(values.is_finite())
        if len(values) == 0 and len(fine) > 0:
            raise ValueError(
                f"criterion {name} is on, but column {column!r} of the measurements holds no value at all: "
                "measure it, or switch the criterion off"
            )
        if criterion.quantile is not None:
            if len(values) == 0:
                raise ValueError(f"criterion {name}: no sample to take quantile {criterion.quantile} of")
            bound = values.quantile(criterion.quantile, "higher" if criterion.side == "max" else "lower")
            criterion = replace(criterion, bound=bound, quantile=None)
        resolved.append(criterion)
    return tuple(resolved)


def judge(measurements: pl.DataFrame, criteria: Sequence[Criterion]) -> pl.DataFrame:
    """The verdict on every sample, in the order of the measurements.

    measurements    id, reason (why the sample could not be measured, or null), and the criteria's columns

    Returns
    id         str
    status     "kept", "dropped" by a criterion, or "failed": was not measured
    broken     list[str], the names of all criteria that the sample breaks
    reasons    list[str], one a broken criterion, "bs_error 9.1 > 7.0" or "bs_error not measured"; of a failed
               sample why it failed
    and the columns that the criteria bound. Raises ValueError as `resolve`, and for ids that are not unique.
    """
    return hold(measurements, resolve(measurements, criteria))


def hold(measurements: pl.DataFrame, criteria: Sequence[Criterion]) -> pl.DataFrame:
    """`judge` by criteria that other samples resolved: also where none of these, perhaps one, has a value."""
    ids = measurements["id"]
    if ids.is_duplicated().any():
        twice = ids.filter(ids.is_duplicated()).unique().sort().head(5).to_list()
        raise ValueError(f"measurements: ids more than once: {', '.join(twice)}; one row a sample expected")
    fine = pl.col("reason").is_null()
    names, reasons = [], []
    for criterion in criteria:
        value, bound = pl.col(criterion.column).cast(pl.Float64), pl.lit(criterion.bound, pl.Float64)
        unmeasured = ~value.is_finite().fill_null(False)
        sign, beyond = (">", value > bound) if criterion.side == "max" else ("<", value < bound)
        text = pl.format(f"{criterion.name} {{}} {sign} {{}}", _readable(value), _readable(bound))
        names.append(pl.when(fine & (unmeasured | beyond)).then(pl.lit(criterion.name)))
        reasons.append(pl.when(fine & unmeasured).then(pl.lit(_unmeasured(criterion))).when(fine & beyond).then(text))
    return measurements.select(
        "id",
        pl.when(~fine)
        .then(pl.lit("failed"))
        .when(pl.any_horizontal(pl.lit(False), *(name.is_not_null() for name in names)))
        .then(pl.lit("dropped"))
        .otherwise(pl.lit("kept"))
        .alias("status"),
        _present(names).alias("broken"),
        _present([pl.col("reason").cast(pl.String), *reasons]).alias("reasons"),
        *dict.fromkeys(criterion.column for criterion in criteria),
    )


def summarise(verdicts: pl.DataFrame, criteria: Sequence[Criterion]) -> dict[str, Any]:
    """Counts for the metrics; in = kept + dropped + failed.

    criteria    as resolved: their bounds are reported

    Of every criterion: its bound, how many it drops, how many that no other drops (``alone``), and how many
    because they were not measured. Of every two criteria (``overlaps``, "a & b"): how many both drop. Of the
    failed: counts by the reason up to the first ": ".
    """
    status = verdicts["status"]
    dropped = verdicts.filter(pl.col("status") == "dropped")
    drops = {criterion.name: dropped["broken"].list.contains(criterion.name) for criterion in criteria}
    lonely = dropped["broken"].list.len() == 1
    failures = verdicts.filter(pl.col("status") == "failed")["reasons"].list.first()
    return {
        "in": len(verdicts),
        "kept": int((status == "kept").sum()),
        "dropped": len(dropped),
        "failed": len(failures),
        "criteria": {
            criterion.name: {
                criterion.side: criterion.bound,
                "dropped": int(drops[criterion.name].sum()),
                "alone": int((drops[criterion.name] & lonely).sum()),
                "not_measured": int(dropped["reasons"].list.contains(_unmeasured(criterion)).sum()),
            }
            for criterion in criteria
        },
        "overlaps": {
            f"{one} & {other}": int((drops[one] & drops[other]).sum()) for one, other in combinations(drops, 2)
        },
        "failures": dict(sorted(failures.str.split(": ").list.first().value_counts().iter_rows())),
    }


def borderline(verdicts: pl.DataFrame, criterion: Criterion, count: int) -> tuple[list[str], list[str]]:
    """The ids of the worst samples kept and the best that a criterion drops, nearest first.

    Both start next to the bound: for people to look at before they believe the threshold.
    """
    measured = verdicts.filter(pl.col(criterion.column).is_finite())
    kept = measured.filter(pl.col("status") == "kept")
    dropped = measured.filter(pl.col("broken").list.contains(criterion.name))
    worst_is_largest = criterion.side == "max"
    worst = kept.sort(criterion.column, "id", descending=[worst_is_largest, False])
    best = dropped.sort(criterion.column, "id", descending=[not worst_is_largest, False])
    return worst["id"].head(count).to_list(), best["id"].head(count).to_list()


def _unmeasured(criterion: Criterion) -> str:
    return f"{criterion.name} not measured"


def _readable(number: pl.Expr) -> pl.Expr:
    return number.round_sig_figs(6)


def _present(parts: Sequence[pl.Expr]) -> pl.Expr:
    """The parts that are not null, as a list of strings."""
    return pl.concat_list(*parts, pl.lit(None, pl.String)).list.drop_nulls()
