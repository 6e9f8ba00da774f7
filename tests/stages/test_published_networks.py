"""The researcher's path on random checkpoints in the published formats: every stage, on studio faces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from tests.stages.conftest import STAGES, run

from ffhq_uv.analysis.deep3d import LANDMARKS
from published_networks import write_checkpoints

pytestmark = pytest.mark.slow

NETWORKS = ("analysis=deep3d", "expression=recogniser", "identity=arcface", "light=dpr")
FEW = ("source.people=10", "source.reference=4", "interpolate.count=4", "generator.size=256", "classify.min_size=1")


@pytest.fixture(scope="module")
def folder(landmark_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stages run, with the checkpoints in their place."""
    folder = tmp_path_factory.mktemp("networks")
    write_checkpoints(folder / "checkpoints", identity=30, expression=9)
    (folder / "checkpoints" / LANDMARKS).parent.mkdir()
    shutil.copyfile(landmark_model, folder / "checkpoints" / LANDMARKS)
    return folder


def test_every_stage_runs_and_what_it_drops_has_reasons(folder: Path) -> None:
    overrides = (*NETWORKS, *FEW, "failures.max_share=0.9", "filter=off")
    assert run(folder, *STAGES, overrides=overrides) == [0] * len(STAGES)
