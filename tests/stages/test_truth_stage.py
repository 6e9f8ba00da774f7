"""The stage truth: both ways of extracting textures against the maps that the studio painted, where these are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.stages.conftest import run

EVALUATED = (
    "data/measurements.parquet",
    "data/reference.parquet",
    "data/kept.parquet",
    "data/categories.parquet",
    "data/recipes.parquet",
    "data/interpolate-measurements.parquet",
    "data/texture-truth.parquet",
)


def test_both_methods_are_held_to_the_true_maps_and_faithful_wins(small_run: Path) -> None:
    table = pl.read_parquet(small_run / "data/texture-truth.parquet")
    assert table.group_by("method").len().sort("method").rows() == [("faithful", 40), ("published", 40)]
    found = json.loads((small_run / "metrics/quality.json").read_text())["textures"]
    faithful, published = found["faithful"], found["published"]
    assert faithful["psnr"] > published["psnr"] + 3
    assert faithful["ssim"] > published["ssim"]
    assert faithful["seam"] < published["seam"]
    assert 0.9 < published["coverage"] < faithful["coverage"] <= 1
    means = table.group_by("method").agg(pl.mean("psnr")).sort("method")["psnr"]
    assert means.to_list() == pytest.approx([faithful["psnr"], published["psnr"]], abs=1e-6)


def test_where_nobody_knows_the_truth_there_is_no_such_figure(copied: Callable[..., Path]) -> None:
    folder = copied("data/archives/topo_assets", "data/index.parquet", *EVALUATED)
    (folder / "data/archives/topo_assets/similarity_Lm3D_all.mat").unlink()
    assert run(folder, "truth", "evaluate") == [0, 0]
    assert pl.read_parquet(folder / "data/texture-truth.parquet").is_empty()
    assert "textures" not in json.loads((folder / "metrics/quality.json").read_text())
