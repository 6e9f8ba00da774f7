"""filter: measurements -> data/kept.parquet (ids), data/dropped.parquet (reasons), data/bounds.parquet and
reports/filter.json; for people to look at: plots/filter.png, plots/borderline.png, plots/skin_tone.csv.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.writing import sample_files
from ffhq_uv.config import Config
from ffhq_uv.faults import PassingError
from ffhq_uv.figures.contact_sheet import Picture, contact_sheet
from ffhq_uv.figures.filter import draw
from ffhq_uv.formats.png import PngError, read_png
from ffhq_uv.quality.agreement import agreement
from ffhq_uv.quality.tone_class import ita_class, lightest_first
from ffhq_uv.selection.balance import balance
from ffhq_uv.selection.filter import Criterion, borderline, judge, resolve, summarise
from ffhq_uv.store import files
from ffhq_uv.store.bounds import write_bounds
from ffhq_uv.store.limits import limits

FAULTS = {"badly_lit": "bs_error", "hidden_skin": "valid_area_ratio", "smiling": "expression"}
"""What can be wrong with a sample, where that is known, and the criterion that is to find it."""

COLUMNS = {"none": "bs_error", "mean_luma": "bs_error_of_luma"}
"""Of every normalisation of BS error: the measurements' column."""

MEASURED_BY = {
    "bs_error": "every run measures it",
    "valid_area_ratio": "every run measures it",
    "expression": "expression=coefficients, recogniser, recorded or emotions measures it",
    "light": "light=dpr measures it",
}
"""What a criterion that is on but was not measured needs."""

SHOWN, CELL = 6, 80
"""Maps in a row of plots/borderline.png, and their side, pixels."""
BORDERLINE = ("worst kept", "best dropped")
"""Its rows for every criterion."""


def run(config: Config) -> None:
    """Judge every sample; show what the bounds do."""
    measurements = files.read_table(files.MEASUREMENTS)
    criteria = _resolved(measurements, _criteria(config))
    verdicts = judge(measurements, criteria)
    kept = verdicts.filter(pl.col("status") == "kept")
    metrics = summarise(verdicts, criteria)
    if len(kept) == 0:
        raise ValueError(_nobody(metrics))
    if not (truth := files.read_table(files.TRUTH)).is_empty():
        metrics["truth"] = _agreement(verdicts, criteria, truth)
    files.write_table(files.KEPT, kept.select("id"))
    files.write_table(files.DROPPED, verdicts.filter(pl.col("status") != "kept"))
    write_bounds(criteria)

    tones = pl.concat(
        _tones(measurements, judge(measurements, _normalised(measurements, criteria, normalise)), normalise)
        for normalise in COLUMNS
    )
    files.write_csv(files.PLOTS / "skin_tone.csv", tones)
    ours = tones.filter(pl.col("normalise") == config.filter.bs_error.normalise)
    metrics["skin_tone_kept_share"] = dict(ours.select("skin_tone", "kept_share").iter_rows())
    files.write_report("filter", metrics)

    columns = [COLUMNS[config.filter.bs_error.normalise], "valid_area_ratio", "expression", "light"]
    measured = [column for column in columns if measurements[column].is_finite().any()]
    draw(measurements, measured, criteria, kept["id"], tones)
    labels = [f"{name}\n{side}" for name in (criterion.name for criterion in criteria) for side in BORDERLINE]
    contact_sheet(files.PLOTS / "borderline.png", _borderline(verdicts, criteria, limits(config)), CELL, labels)
    if not files.ARCHIVES.exists():
        print(f"{files.PLOTS / 'borderline.png'} shows no published maps: {files.ARCHIVES} is not here")
    print(f"kept {metrics['kept']:,} of {metrics['in']:,} samples, {metrics['failed']:,} failed before")


def _nobody(metrics: dict[str, Any]) -> str:
    """What to say of a filter that keeps nobody."""
    dropped = {name: found["dropped"] for name, found in metrics["criteria"].items()}
    if not dropped or not any(dropped.values()):
        return f"nobody is left: all {metrics['in']:,} samples failed before; {files.MEASUREMENTS} holds the reasons"
    most = max(dropped, key=lambda name: dropped[name])
    return (
        f"nobody of {metrics['in']:,} samples is kept; most, {dropped[most]:,}, are dropped by {most}: "
        f"loosen filter.{most}, or switch it off"
    )


def _criteria(config: Config) -> list[Criterion]:
    """The criteria that are switched on, their quantiles not yet resolved."""
    section, criteria = config.filter, []
    bs_error, area, light = section.bs_error, section.valid_area_ratio, section.light
    if bs_error.max is not None or bs_error.quantile is not None:
        quantile = bs_error.quantile if bs_error.max is None else None
        criteria.append(Criterion("bs_error", COLUMNS[bs_error.normalise], "max", bs_error.max, quantile))
    if area.min is not None or area.quantile is not None:
        quantile = area.quantile if area.min is None else None
        criteria.append(Criterion("valid_area_ratio", "valid_area_ratio", "min", area.min, quantile))
    if section.expression.neutral:
        criteria.append(Criterion("expression", "expression", "max", config.expression.neutral_max))
    if light.max is not None or light.quantile is not None:
        quantile = light.quantile if light.max is None else None
        criteria.append(Criterion("light", "light", "max", light.max, quantile))
    return criteria


def _resolved(measurements: pl.DataFrame, criteria: Sequence[Criterion]) -> tuple[Criterion, ...]:
    """The criteria with bounds. Raises ValueError that names stage and file for one that was not measured."""
    resolved: list[Criterion] = []
    for criterion in criteria:
        try:
            resolved += resolve(measurements, [criterion])
        except ValueError as error:
            raise ValueError(
                f"{files.MEASUREMENTS}, made by the stage measure: {error} ({MEASURED_BY[criterion.name]}; "
                f"filter.{criterion.name} switches it)"
            ) from error
    return tuple(resolved)


def _normalised(measurements: pl.DataFrame, criteria: Sequence[Criterion], normalise: str) -> list[Criterion]:
    """The criteria with BS error in this normalisation; where that is another, it still lets the same share pass."""
    fine = measurements.filter(pl.col("reason").is_null())
    changed = []
    for criterion in criteria:
        if criterion.name == "bs_error" and criterion.column != COLUMNS[normalise]:
            passing = fine.filter(pl.col(criterion.column) <= criterion.bound)
            quantile = len(passing) / max(len(fine), 1)
            criterion = replace(criterion, column=COLUMNS[normalise], bound=None, quantile=quantile)
        changed.append(criterion)
    return changed


def _tones(measurements: pl.DataFrame, verdicts: pl.DataFrame, normalise: str) -> pl.DataFrame:
    """Whom the verdicts let through, a row a skin tone's class, the lightest first."""
    groups = measurements["skin_tone"].map_elements(ita_class, pl.String)
    table = balance(groups, verdicts["status"] == "kept").rename({"group": "skin_tone"})
    return table.sort(lightest_first("skin_tone")).select(pl.lit(normalise).alias("normalise"), pl.all())


def _agreement(verdicts: pl.DataFrame, criteria: Sequence[Criterion], truth: pl.DataFrame) -> dict[str, Any]:
    """Of every fault that a criterion looks for: how well the criterion finds it, among the measured samples.

    Raises ValueError for a measured sample of which the truth says nothing.
    """
    measured = verdicts.filter(pl.col("status") != "failed")
    if len(unknown := measured.join(truth, on="id", how="anti")["id"]):
        raise ValueError(
            f"{files.TRUTH}: says nothing of {len(unknown):,} measured samples ({', '.join(unknown[:5])}): it is of "
            "other archives. Make it anew: `dvc repro`"
        )
    judged = measured.join(truth, on="id", how="left")
    found = {}
    for fault, name in FAULTS.items():
        if any(criterion.name == name for criterion in criteria):
            figures = agreement(judged["broken"].list.contains(name), judged[fault])
            found[fault] = {"precision": figures.precision, "recall": figures.recall}
    return found


def _borderline(verdicts: pl.DataFrame, criteria: Sequence[Criterion], bounds: Limits) -> list[list[Picture]]:
    """Maps on both sides of every bound, nearest first. Two rows a criterion, in the order BS error, valid
    area ratio, expression, light, of those switched on: the worst kept, and below them the best dropped.
    """
    index = files.read_table(files.SAMPLES)
    locations = dict(index.select("id", "uv_map").drop_nulls().iter_rows())
    rows = []
    with Archives(files.ARCHIVES, bounds) as archives:
        for criterion in criteria:
            for ids in borderline(verdicts, criterion, SHOWN):
                rows.append([map for id in ids if (map := _map(archives, id, locations.get(id))) is not None])
    return rows


def _map(archives: Archives, id: str, location: str | None) -> Picture | None:
    """A sample's map, published or made by `measure`, which nothing depends on: None where it cannot be had."""
    made = sample_files(files.DATA_SET, id)[0]
    try:
        if location is not None:
            return read_uv_map(archives, location)
        return read_png(made.read_bytes(), str(made)) if made.exists() else None
    except (ArchiveError, PngError, OSError, PassingError):
        return None
