"""Faces from disk: the published ones, and what a missing, damaged or hostile picture turns into."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

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
