"""The stage filter: its bounds, what it shows of them, and both normalisations of BS error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from tests.small_run import inside, run

from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.figures.contact_sheet import MARGIN
from ffhq_uv.selection.filter import borderline, judge
from ffhq_uv.stages.filter import CELL, SHOWN
from ffhq_uv.store.bounds import read_bounds

TABLES = ("data/samples.parquet", "data/truth.parquet", "data/measurements.parquet")
INPUTS = ("data/archives", *TABLES)


def test_the_bounds_that_it_writes_make_its_verdicts(small_run: Path) -> None:
    with inside(small_run):
        verdicts = judge(pl.read_parquet("data/measurements.parquet"), read_bounds())
    kept = verdicts.filter(pl.col("status") == "kept")["id"]
    assert kept.to_list() == pl.read_parquet(small_run / "data/kept.parquet")["id"].to_list()


def test_the_sheet_shows_published_maps_from_both_sides_of_every_bound(small_run: Path) -> None:
    with inside(small_run):
        measurements, criteria = pl.read_parquet("data/measurements.parquet"), read_bounds()
    sheet = np.asarray(Image.open(small_run / "plots/borderline.png"))
    assert sheet.shape == (2 * len(criteria) * CELL, MARGIN + SHOWN * CELL, 3)
    assert all(row[:, :MARGIN].min() < 100 for row in np.split(sheet, 2 * len(criteria)))  # its label
    assert (small_run / "plots/borderline.png").stat().st_size < 400_000
    maps = dict(pl.read_parquet(small_run / "data/samples.parquet").select("id", "uv_map").iter_rows())
    for row, ids in enumerate(borderline(judge(measurements, criteria), criteria[0], SHOWN)):
        uv_map = Image.fromarray(read_uv_map(small_run / "data/archives", maps[ids[0]]))
        expected = np.asarray(uv_map.resize((CELL, CELL), Image.Resampling.LANCZOS))
        np.testing.assert_array_equal(sheet[row * CELL : (row + 1) * CELL, MARGIN : MARGIN + CELL], expected)


def test_tables_are_enough_to_filter(
    copied: Callable[..., Path], small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*TABLES)
    assert run(folder, "filter") == [0]
    assert "borderline.png shows no published maps: data/archives is not here" in capsys.readouterr().out
    for name in ("data/kept.parquet", "data/dropped.parquet", "reports/filter.json", "plots/filter.png"):
        assert (folder / name).read_bytes() == (small_run / name).read_bytes()


def test_moving_the_normalisation_measures_nothing_again(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*INPUTS)
    assert run(folder, "filter", overrides=("filter.bs_error.normalise=mean_luma",)) == [0]
    measurements = pl.read_parquet(folder / "data/measurements.parquet")
    with inside(folder):
        bound = next(criterion for criterion in read_bounds() if criterion.name == "bs_error")
    assert bound.column == "bs_error_of_luma"
    assert bound.bound == measurements["bs_error_of_luma"].quantile(0.75, "higher")
    ours, theirs = (pl.read_csv(path / "plots/skin_tone.csv") for path in (folder, small_run))
    of_luma = pl.col("normalise") == "mean_luma"
    shares = json.loads((folder / "reports/filter.json").read_text())["skin_tone_kept_share"]
    assert shares == dict(ours.filter(of_luma).select("skin_tone", "kept_share").iter_rows())
    for table in (ours, theirs):
        before = table.group_by("normalise").agg(pl.col("before").sum())
        assert set(before["before"]) == {len(measurements)}
    np.testing.assert_allclose(
        ours.filter(of_luma)["after"].sum(), theirs.filter(of_luma)["after"].sum(), atol=1
    )  # the same quantile asks for the same share


def test_a_damaged_published_map_leaves_a_gap_on_the_sheet_only(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*INPUTS)
    index = pl.read_parquet(folder / "data/samples.parquet")
    index.with_columns(uv_map=pl.lit("dataset/ffhq-uv/meta-info.json")).write_parquet(folder / "data/samples.parquet")
    assert run(folder, "filter") == [0]
    assert (folder / "data/kept.parquet").read_bytes() == (small_run / "data/kept.parquet").read_bytes()
    assert (np.asarray(Image.open(folder / "plots/borderline.png"))[:, MARGIN:] == 255).all()


def test_a_criterion_that_was_not_measured_stops_the_run(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*INPUTS)
    table = pl.read_parquet(folder / "data/measurements.parquet")
    table.with_columns(expression=pl.lit(None, pl.Float64)).write_parquet(folder / "data/measurements.parquet")
    assert run(folder, "filter") == [1]
    told = capsys.readouterr().err
    for part in ("data/measurements.parquet", "stage measure", "criterion expression is on", "filter.expression"):
        assert part in told
    assert not (folder / "data/kept.parquet").exists()


def test_a_truth_of_other_archives_stops_the_run_before_it_writes(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*INPUTS)
    table = pl.read_parquet(folder / "data/truth.parquet")
    table.filter(pl.col("id") != table["id"][3]).write_parquet(folder / "data/truth.parquet")
    assert run(folder, "filter") == [1]
    assert "data/truth.parquet: says nothing of 1 measured samples" in capsys.readouterr().err
    assert not (folder / "data/kept.parquet").exists()


def test_residual_light_that_was_not_estimated_passes_nobody(
    copied: Callable[..., Path], small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*INPUTS)
    assert run(folder, "filter", overrides=("filter.light.max=0.2",)) == [2]
    told = capsys.readouterr().err
    assert "filter.light: a bound is set" in told
    assert "light=dpr" in told
    three = Image.open(small_run / "plots/filter.png").size
    table = pl.read_parquet(folder / "data/measurements.parquet")
    lit = pl.int_range(pl.len()).cast(pl.Float64) / 100
    table.with_columns(light=lit).write_parquet(folder / "data/measurements.parquet")
    assert run(folder, "filter", overrides=("filter=off", "filter.light.max=0.2", "light=dpr")) == [0]
    kept = pl.read_parquet(folder / "data/kept.parquet")
    assert kept["id"].to_list() == table["id"].to_list()[:21]
    with Image.open(folder / "plots/filter.png") as figure:  # light has a distribution of its own
        assert figure.height > three[1]
