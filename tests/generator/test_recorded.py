"""Faces from disk: the published ones, and what a missing, damaged or hostile picture turns into."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from ffhq_uv.__main__ import main
from ffhq_uv.generator.recorded import RecordedGenerator
from ffhq_uv.geometry import VIEWS

EXAMPLE = os.environ.get("FFHQ_UV_EXAMPLE", "")


def save(path: Path, value: int, size: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((size, size, 3), value, np.uint8)).save(path)


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    for id in ("00001", "00002", "00003", "00004", "00005"):
        for at, view in enumerate(VIEWS):
            save(tmp_path / f"dataset_project/edit/{id}/{id}_{view}.png", 10 * int(id) + at)
    save(tmp_path / "dataset_project/inversions/00001.png", 99)
    return tmp_path


def test_views_come_in_order_and_the_inversion_alone(archives: Path) -> None:
    generate = RecordedGenerator(archives, size=8)
    faces, reasons = generate(torch.zeros(2, 3, 18, 512), ["00002", "00001"])
    assert reasons == (None, None)
    assert (faces.dtype, faces.shape) == (torch.uint8, (2, 3, 8, 8, 3))
    assert faces[:, :, 0, 0, 0].tolist() == [[20, 21, 22], [10, 11, 12]]
    faces, reasons = generate(torch.zeros(2, 1, 18, 512), ["00001", "00002"])
    assert reasons == (None, "missing_face:inversion")
    assert faces[:, 0, 0, 0, 0].tolist() == [99, 0]


def test_a_sample_without_a_face_has_a_reason_and_leaves_the_others_alone(archives: Path) -> None:
    edit = archives / "dataset_project/edit"
    (edit / "00001/00001_left.png").unlink()
    truncated = edit / "00002/00002_right.png"
    truncated.write_bytes(truncated.read_bytes()[:-20])
    save(edit / "00003/00003_front.png", 1, size=9)
    Image.new("RGB", (8, 8)).save(edit / "00004/00004_front.png", "JPEG")
    faces, reasons = RecordedGenerator(archives, size=8)(
        torch.zeros(6, 3, 18, 512), ["00001", "00002", "00003", "00004", "00005", "../etc"]
    )
    assert reasons == (
        "missing_view:left",
        "face_unreadable:right: truncated PNG",
        "face_unreadable:front: 9 x 9 pixels, expected 8 x 8",
        "face_unreadable:front: no PNG file, but a JPEG",
        None,
        "face_unreadable:left: refused ../etc",
    )
    assert [face.any().item() for face in faces] == [False, False, False, False, True, False]


@pytest.mark.skipif(not EXAMPLE, reason="FFHQ_UV_EXAMPLE is unset: no published sample to read")
def test_the_published_faces() -> None:
    faces, reasons = RecordedGenerator(Path(EXAMPLE))(torch.zeros(1, 3, 18, 512), ["01223"])
    assert reasons == (None,)
    with Image.open(Path(EXAMPLE) / "dataset_project/edit/01223/01223_front.png") as front:
        np.testing.assert_array_equal(faces[0, 1], np.asarray(front))


@pytest.mark.slow
@pytest.mark.skipif(not EXAMPLE, reason="FFHQ_UV_EXAMPLE is unset: no published sample to read")
def test_own_pictures_are_measured_without_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The published sample's three pictures and what step 4 saved of them; its codes and attributes did not come."""
    project = tmp_path / "data/archives/dataset_project"
    (project / "edit/01223").mkdir(parents=True)
    for view in VIEWS:
        name = f"edit/01223/01223_{view}.png"
        (project / name).symlink_to(Path(EXAMPLE) / "dataset_project" / name)
    (project / "unwrap_texture").symlink_to(Path(EXAMPLE) / "dataset_project/unwrap_texture")
    (tmp_path / "data/archives/topo_assets").symlink_to(Path(EXAMPLE) / "stand_in_topo_assets")
    monkeypatch.chdir(tmp_path)
    chosen = ["generator=recorded", "analysis=recorded", "identity=dct", "texture.size=128", "engine=serial"]
    for stage in ("index", "normalise", "measure"):
        assert main([stage, *chosen]) == 0
    index = pl.read_parquet("data/index.parquet")
    assert index.select("id", "reason", "age").rows() == [("01223", None, None)]
    assert index["latents"].to_list() == [[None, None, None]]
    measured = pl.read_parquet("data/measurements.parquet").to_dicts()[0]
    assert measured["reason"] is None
    assert 1 < measured["bs_error"] < 20
    assert 0.5 < measured["valid_area_ratio"] < 1
    assert main(["index", "generator=stylegan2", "failures.max_share=1"]) == 1  # who draws from codes needs them
