"""What the archives record in place of a measurement: it reaches the table, and its lack stops a run before work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.small_run import run

INPUTS = ("data/archives", "data/samples.parquet", "data/truth.parquet", "data/reference-index.parquet", "data/latents")
TINY = ("generator.size=64", "texture.size=64")


def test_emotions_are_the_expression_where_they_are_recorded(copied: Callable[..., Path]) -> None:
    folder = copied(*INPUTS)
    assert run(folder, "measure", "filter", overrides=(*TINY, "expression=emotions")) == [0, 0]
    index = pl.read_parquet(folder / "data/samples.parquet").select("id", "ffhq_index", "neutral", "smile")
    photographed = set(pl.read_parquet(folder / "data/reference-index.parquet")["id"])
    measured = pl.read_parquet(folder / "data/measurements.parquet").join(index, on="id")
    recorded = measured.filter(pl.col("ffhq_index").is_in(photographed))
    assert 8 < len(recorded) <= 12
    assert recorded["expression"].to_list() == pytest.approx([1 - value for value in recorded["neutral"]])
    assert recorded["expression"].to_list() == pytest.approx(recorded["smile"].to_list(), abs=6e-4)
    assert recorded["expression"].max() > 0.3
    assert measured.join(recorded, on="id", how="anti")["expression"].null_count() == len(measured) - len(recorded)
    dropped = pl.read_parquet(folder / "data/dropped.parquet")
    assert dropped["reasons"].list.contains("expression not measured").sum() == len(measured) - len(recorded)


def test_an_archive_without_the_records_is_refused_before_work(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*INPUTS)
    index = pl.read_parquet(folder / "data/samples.parquet")
    unknown = pl.lit(None, pl.Float64)
    index.with_columns(smile=unknown, neutral=unknown).write_parquet(folder / "data/samples.parquet")
    for measure in ("recorded", "emotions"):
        assert run(folder, "measure", overrides=(f"expression={measure}",)) == [2]
        error = capsys.readouterr().err
        assert error.startswith(f"ffhq_uv measure: expression={measure}: nothing of the kind is recorded")
        assert error.count("\n") == 1


def test_recorded_analyses_know_no_reference_people_and_no_new_ones(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(*INPUTS, "data/recipes.parquet", "data/bounds.parquet")
    assert run(folder, "measure", overrides=("analysis=recorded", "identity=coefficients")) == [2]
    assert "saved none of the reference people" in capsys.readouterr().err
    assert run(folder, "measure", overrides=("analysis=recorded", "identity=arcface")) == [1]
    error = capsys.readouterr().err
    assert "backbone.pth (for identity=arcface)" in error
    for choice in ("generator=recorded", "analysis=recorded"):
        assert run(folder, "extract", overrides=(choice,)) == [2]
        assert "new people have no recorded faces" in capsys.readouterr().err
