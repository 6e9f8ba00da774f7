"""filter: measurements -> data/kept.parquet (ids), data/dropped.parquet (reasons) and metrics/filter.json."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from ffhq_uv.config import Config
from ffhq_uv.quality.agreement import agreement
from ffhq_uv.selection.filter import Criterion, judge, resolve, summarise
from ffhq_uv.stages import files

FAULTS = {"badly_lit": "bs_error", "hidden_skin": "valid_area_ratio", "smiling": "expression"}
"""What can be wrong with a sample, where that is known, and the criterion that is to find it."""

BINS = 30
"""Bins of the plotted distributions."""


def run(config: Config) -> None:
    """Judge every sample; plot how each measurement is distributed among the kept and the dropped."""
    measurements = files.read_table(files.MEASUREMENTS)
    criteria = resolve(measurements, _criteria(config))
    verdicts = judge(measurements, criteria)
    kept = verdicts.filter(pl.col("status") == "kept")
    files.write_table(files.KEPT, kept.select("id"))
    files.write_table(files.DROPPED, verdicts.filter(pl.col("status") != "kept"))

    metrics = summarise(verdicts, criteria)
    if files.TRUTH.exists():
        metrics["truth"] = _agreement(verdicts, criteria, files.read_table(files.TRUTH))
    files.write_metrics("filter", metrics)
    for column in FAULTS.values():
        files.write_csv(files.PLOTS / f"{column}.csv", _distribution(measurements, column, kept["id"]))
    print(f"kept {metrics['kept']:,} of {metrics['in']:,} samples, {metrics['failed']:,} failed before")


def _criteria(config: Config) -> list[Criterion]:
    bs_error, area = config.filter.bs_error, config.filter.valid_area_ratio
    criteria = []
    if bs_error.max is not None or bs_error.quantile is not None:
        quantile = bs_error.quantile if bs_error.max is None else None
        criteria.append(Criterion("bs_error", "bs_error", "max", bs_error.max, quantile))
    if area.min is not None or area.quantile is not None:
        quantile = area.quantile if area.min is None else None
        criteria.append(Criterion("valid_area_ratio", "valid_area_ratio", "min", area.min, quantile))
    if config.filter.expression.neutral:
        criteria.append(Criterion("expression", "expression", "max", config.expression.neutral_max))
    return criteria


def _agreement(verdicts: pl.DataFrame, criteria: Sequence[Criterion], truth: pl.DataFrame) -> dict[str, Any]:
    """Of every fault that a criterion looks for: how well the criterion finds it, among the measured samples."""
    judged = verdicts.filter(pl.col("status") != "failed").join(truth, on="id", how="left")
    found = {}
    for fault, name in FAULTS.items():
        if any(criterion.name == name for criterion in criteria):
            figures = agreement(judged["broken"].list.contains(name), judged[fault])
            found[fault] = {"precision": figures.precision, "recall": figures.recall}
    return found


def _distribution(measurements: pl.DataFrame, column: str, kept: pl.Series) -> pl.DataFrame:
    """A histogram of a measurement: the middle of each bin, the samples kept and dropped in it."""
    table = measurements.filter(pl.col(column).is_finite())
    values = table[column].to_numpy()
    edges = np.histogram_bin_edges(values, BINS)
    chosen = table["id"].is_in(kept.implode()).to_numpy()
    counts = {
        "kept": np.histogram(values[chosen], edges)[0],
        "dropped": np.histogram(values[~chosen], edges)[0],
    }
    return pl.DataFrame({column: (edges[1:] + edges[:-1]) / 2, **counts})
