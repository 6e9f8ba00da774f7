"""The stage truth: both ways of extracting textures against the maps that the studio painted, where these are known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from tests.small_run import run

from ffhq_uv.geometry import FRONT
from ffhq_uv.store.codes import whole
from ffhq_uv.studio.codes import Codes
from ffhq_uv.studio.render import true_map

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
    found = json.loads((small_run / "reports/quality.json").read_text())["textures"]
    faithful, published = found["faithful"], found["published"]
    assert faithful["psnr"] > published["psnr"] + 3
    assert faithful["ssim"] > published["ssim"]
    assert faithful["seam"] < published["seam"]
    assert 0.9 < published["coverage"] < faithful["coverage"] <= 1
    means = table.group_by("method").agg(pl.mean("psnr")).sort("method")["psnr"]
    assert means.to_list() == pytest.approx([faithful["psnr"], published["psnr"]], abs=1e-6)


def test_wrong_geometry_is_compared_as_it_is_and_refined(copied: Callable[..., Path]) -> None:
    folder = copied("data/archives/topo_assets", "data/samples.parquet", "data/latents", *EVALUATED)
    samples = pl.read_parquet(folder / "data/samples.parquet")
    samples.head(4).write_parquet(folder / "data/samples.parquet")
    wrong = ("analysis.noise=0.5", "analysis.landmark_noise=0.5")
    assert run(folder, "truth", "evaluate", overrides=wrong) == [0, 0]
    found = json.loads((folder / "reports/quality.json").read_text())["textures"]
    assert list(found) == ["published", "faithful", "published, refined", "faithful, refined"]
    for method in ("published", "faithful"):
        assert found[f"{method}, refined"]["psnr"] > found[method]["psnr"]
    rows = pl.read_parquet(folder / "data/texture-truth.parquet").group_by("method", "refine").len()["len"]
    assert rows.to_list() == [4, 4, 4, 4]


def test_a_sample_that_fails_keeps_its_rows_with_the_reason_and_costs_nobody_else(
    copied: Callable[..., Path], small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied("data/archives/topo_assets", "data/samples.parquet", "data/latents")
    codes = np.load(folder / "data/latents/ffhq-uv.npy")
    codes[3] = np.nan
    np.save(folder / "data/latents/ffhq-uv.npy", codes)
    fifth = whole(codes[5:6])[0, FRONT]

    def fails_for_the_fifth(front: Codes, size: int) -> NDArray[np.uint8]:
        if np.array_equal(front, fifth):
            raise ZeroDivisionError("a fault")
        return true_map(front, size)

    monkeypatch.setattr("ffhq_uv.stages.comparison.true_map", fails_for_the_fifth)
    assert run(folder, "truth", overrides=("failures.max_share=0.1",)) == [0]
    table, before = (pl.read_parquet(path / "data/texture-truth.parquet") for path in (folder, small_run))
    failed = table.filter(pl.col("reason").is_not_null())
    assert failed.select("id", "method", "reason").rows() == [
        (id, method, reason)
        for id, reason in (("000003", "latent_nonfinite"), ("000005", "error: ZeroDivisionError: a fault"))
        for method in ("published", "faithful")
    ]
    assert table.join(failed, on="id", how="anti").equals(before.join(failed, on="id", how="anti"))


def test_what_the_stage_will_miss_is_said_before_its_work(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("data/archives/topo_assets", "data/samples.parquet", "data/latents")
    assert run(folder, "truth", overrides=("identity=arcface",)) == [1]
    assert "arcface_model" in capsys.readouterr().err
    assert not (folder / "data/texture-truth.parquet").exists()


def test_where_nobody_knows_the_truth_there_is_no_such_figure(copied: Callable[..., Path]) -> None:
    folder = copied("data/archives/topo_assets", "data/samples.parquet", *EVALUATED)
    (folder / "data/archives/topo_assets/similarity_Lm3D_all.mat").unlink()
    assert run(folder, "truth", "evaluate") == [0, 0]
    assert pl.read_parquet(folder / "data/texture-truth.parquet").is_empty()
    assert "textures" not in json.loads((folder / "reports/quality.json").read_text())
