"""`attributes.redetect`: what new faces look like stands beside the means, and a report says how often it held."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.small_run import run

from ffhq_uv.chain.measurements import DETECTED

INPUTS = (
    "data/archives/topo_assets",
    "data/latents",
    "data/normalised",
    *(f"data/{name}.parquet" for name in ("samples", "categories", "recipes", "bounds", "measurements", "reference")),
    *(f"data/{name}.parquet" for name in ("kept", "texture-truth")),
)
TINY = ("generator.size=64", "texture.size=64")
STUDIO = (*TINY, "attributes.redetect=true", "attributes.by=studio")


def test_the_studio_tells_of_its_own_new_people(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*INPUTS)
    assert run(folder, "extract", "evaluate", overrides=STUDIO) == [0, 0]
    measured = pl.read_parquet(folder / "data/interpolate-measurements.parquet")
    plain = pl.read_parquet(small_run / "data/interpolate-measurements.parquet")
    assert set(measured.columns) - set(plain.columns) == DETECTED.keys()
    recipes = pl.read_parquet(folder / "data/recipes.parquet").filter(~pl.col("spare"))
    both = measured.join(recipes, on="id")
    assert len(both) == 24
    assert both["detected_gender"].to_list() == both["gender"].to_list()
    assert (both["detected_age"] - both["age"]).abs().median() < 3  # years; a face's age is no mean of its parents'
    assert both["detected_beard"].is_between(0, 1).all()
    written = [json.loads(line) for line in (folder / "data/ffhq-uv-interpolate/metadata.jsonl").open()]
    assert [row["detected_age"] for row in written] == pytest.approx(measured["detected_age"].to_list())
    found = json.loads((folder / "reports/quality.json").read_text())["redetected"]
    assert (found["by"], found["samples"], found["told"]) == ("studio", 24, 24)
    assert found["by_axis"]["gender"] == 1
    assert 0.75 < found["held"] <= 1
    assert "redetected" not in json.loads((small_run / "reports/quality.json").read_text())


def test_who_cannot_tell_is_said_before_the_work(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("data/archives/topo_assets")
    assert run(folder, "extract", overrides=(*STUDIO, "generator=stylegan2", "checkpoints=none")) != [0]
    asked = ("attributes.redetect=true", "attributes.by=service")
    assert run(folder, "extract", overrides=asked) == [2]
    assert "'networks' or 'studio' (it is 'service')" in capsys.readouterr().err
