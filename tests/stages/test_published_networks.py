"""The researcher's path on random checkpoints in the published formats: every stage, on studio faces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from tests.small_run import SMALL, STAGES, inside, run

from ffhq_uv.analysis.deep3d import DEEP3D
from ffhq_uv.analysis.landmark_files import LANDMARKS
from ffhq_uv.chain.chain import build
from ffhq_uv.config import read
from ffhq_uv.formats.png import read_png
from ffhq_uv.once import forget
from ffhq_uv.studio.publish import normalised
from published_networks import write_checkpoints

pytestmark = pytest.mark.slow

NETWORKS = ("analysis=deep3d", "expression=recogniser", "identity=arcface", "light=dpr", "generator.size=256")
FEW = ("source.people=10", "source.reference=12", "interpolate.count=4", "classify.min_size=1")
ANY = ("expression.neutral_max=1", "filter.light.quantile=0.7")
"""A random recogniser finds nobody neutral, but random networks can still be told apart by."""


@pytest.fixture(scope="module")
def folder(landmark_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stages run, with checkpoints for the studio's head model."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "data").mkdir()
    write_checkpoints(folder / "checkpoints", identity=30, expression=9)
    (folder / "checkpoints" / LANDMARKS).parent.mkdir()
    shutil.copyfile(landmark_model, folder / "checkpoints" / LANDMARKS)
    assert run(folder, *STAGES, overrides=(*NETWORKS, *FEW, *ANY)) == [0] * len(STAGES)
    return folder


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"data/{name}.parquet")


def test_every_stage_runs_and_loses_nobody(folder: Path) -> None:
    kept, dropped = table(folder, "kept"), table(folder, "dropped")
    assert sorted([*kept["id"], *dropped["id"]]) == [f"{number:06d}" for number in range(10)]
    assert len(dropped)
    assert all(len(reasons) for reasons in dropped["reasons"])
    quality = json.loads((folder / "reports/quality.json").read_text())
    assert [quality[name]["samples"] for name in ("reference", "ffhq_uv_interpolate")] == [12, 4]
    assert json.loads((folder / "reports/extract.json").read_text())["made"] == 4
    maps = sorted((folder / "data/ffhq-uv-interpolate").rglob("*.png"))
    assert len(maps) == 4
    assert read_png(maps[0].read_bytes(), maps[0].name).shape == (128, 128, 3)


def test_every_network_measured_every_sample(folder: Path) -> None:
    for name, count in (("measurements", 10), ("interpolate-measurements", 4)):
        measured = table(folder, name).filter(pl.col("reason").is_null())
        assert len(measured) == count
        assert measured["note"].null_count() == count
        assert measured["expression"].is_between(0, 1).all()
        assert measured["expression"].n_unique() == count
        assert measured["light"].is_finite().all()
        assert (measured["valid_area_ratio"] > 0).all()
        np.testing.assert_allclose([np.linalg.norm(vector) for vector in measured["identity"]], 1, atol=1e-5)
        assert {len(vector) for vector in measured["identity"]} == {512}
    reference = table(folder, "reference")
    assert reference["reason"].null_count() == len(reference) == 12
    assert {len(vector) for vector in reference["identity"]} == {512}


def test_a_missing_checkpoint_stops_the_stages_before_their_work(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {
        name: (folder / f"data/{name}").stat().st_mtime_ns for name in ("measurements.parquet", "rejected.parquet")
    }
    hidden = folder / "hidden"
    (folder / "checkpoints" / DEEP3D).rename(hidden)
    try:
        assert run(folder, "measure", "extract", overrides=(*NETWORKS, *FEW)) == [1, 1]
    finally:
        hidden.rename(folder / "checkpoints" / DEEP3D)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(f"not there: checkpoints/{DEEP3D} (for analysis=deep3d)" in line for line in lines)
    assert before == {name: (folder / f"data/{name}").stat().st_mtime_ns for name in before}


def test_a_face_that_is_not_found_fails_or_is_guessed_and_noted(folder: Path) -> None:
    """Faces of 32 pixels are too small for any detector."""
    codes = torch.from_numpy(normalised(1, 0))[None]
    found = {}
    with inside(folder):
        for fallback in ("none", "mean"):
            config = read([*SMALL, *NETWORKS, "generator.size=32", f"analysis.landmarks.fallback={fallback}"])
            chain = build(config)
            found[fallback] = (*chain.samples(codes, ["000000"], [None]), *chain.people(codes[:, 1:2], ["00000"]))
        forget()
    assert [sample.reason for sample in found["none"]] == ["no_landmarks:left", "no_landmarks:front"]
    sample, person = found["mean"]
    assert (sample.reason, person.reason) == (None, None)
    assert sample.row()["note"] == "landmarks_guessed:left,front,right"
    assert person.row()["note"] == "landmarks_guessed:front"
    assert len(person.row()["identity"]) == 512
