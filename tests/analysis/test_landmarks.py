"""dlib's landmarks through a real .dat: trained on studio people, tried on others, whose landmarks are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from ffhq_uv.analysis import landmarks
from ffhq_uv.analysis.alignment import align, five_points, load_model_points
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS
from studio_landmarks import Faces

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def find(landmark_model: Path) -> DlibLandmarks:
    return DlibLandmarks(landmark_model)


def test_landmarks_lie_where_the_mesh_has_them(find: DlibLandmarks, strangers: Faces, studio_assets: Path) -> None:
    model = load_model_points(studio_assets / "similarity_Lm3D_all.mat")

    def aligned(points: np.ndarray) -> np.ndarray:
        upwards = np.stack([points[:, 0], 255 - points[:, 1]], 1)
        found = align(five_points(torch.from_numpy(upwards)).double().numpy(), model, 256, 256)
        return np.array([found.scale, found.tx / 256, found.ty / 256])

    for face, truth in zip(strangers.faces.flatten(0, 1).numpy(), strangers.landmarks.reshape(-1, 68, 2), strict=True):
        found = find(face)
        assert found is not None
        assert np.linalg.norm(found - truth, axis=1).mean() < 0.04 * 256
        # the origin lies a head behind the points, so an error of theirs is larger there
        np.testing.assert_allclose(aligned(found), aligned(truth), rtol=0.1, atol=0.1)


def test_a_model_of_studio_people_finds_the_published_person(find: DlibLandmarks, example: Path) -> None:
    project = example / "dataset_project"
    recorded = read_torch((project / "unwrap_texture/01223/01223_final_lm68_2d.pt").read_bytes(), "lm68_2d")
    assert isinstance(recorded, dict)
    for view in VIEWS:
        path = project / f"edit/01223/01223_{view}.png"
        found = find(read_png(path.read_bytes(), path.name))
        truth = recorded[view] * [1, -1] + [0, 1023]
        assert found is not None
        assert np.linalg.norm(found - truth, axis=1).mean() < 0.06 * 1024


def test_a_larger_picture_is_searched_small_and_marked_large(find: DlibLandmarks, strangers: Faces) -> None:
    face = strangers.faces[0, 1].numpy()
    large = np.kron(face, np.ones((3, 3, 1), np.uint8))
    small, big = find(face), find(large)
    assert small is not None
    assert big is not None
    # a model of 24 people follows every pixel of the picture; a box that is scaled wrongly is off by tens of pixels
    assert np.abs((big + 0.5) / 3 - 0.5 - small).mean() < 3


def test_the_largest_of_several_faces_is_taken(find: DlibLandmarks, strangers: Faces) -> None:
    large, other = strangers.faces[0, 1].numpy(), strangers.faces[1, 1].numpy()
    small = cv2.resize(other, (150, 150), interpolation=cv2.INTER_AREA)
    picture = np.concatenate([np.pad(small, ((53, 53), (0, 0), (0, 0))), large], 1)
    found = find(picture)
    assert found is not None
    assert (found[:, 0] > 150).mean() > 0.9


def test_no_face_is_found_in_nothing(find: DlibLandmarks) -> None:
    assert find(np.full((256, 256, 3), 127, np.uint8)) is None


def test_other_files_are_refused_by_name(landmark_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "shape_predictor_68_face_landmarks.dat"
    with pytest.raises(FileNotFoundError, match=r"landmarks\.dat: no such landmark model"):
        DlibLandmarks(path)
    for content in (b"", b"<html>no such file</html>", landmark_model.read_bytes()[:100_000]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"landmarks\.dat: no landmark model that dlib can read") as caught:
            DlibLandmarks(path)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(landmarks, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match=r"refuses \d+ bytes"):
        DlibLandmarks(landmark_model)


def test_a_model_of_other_landmarks_is_refused(strangers: Faces, tmp_path: Path) -> None:
    dlib: Any = pytest.importorskip("dlib")
    options = dlib.shape_predictor_training_options()
    options.cascade_depth = options.num_trees_per_cascade_level = options.tree_depth = 1
    face = strangers.faces[0, 1].numpy()
    box = dlib.get_frontal_face_detector()(face, 0)[0]
    points = [dlib.point(round(float(x)), round(float(y))) for x, y in strangers.landmarks[0, 1, :5]]
    path = tmp_path / "five.dat"
    dlib.train_shape_predictor([face], [[dlib.full_object_detection(box, points)]], options).save(str(path))
    with pytest.raises(ValueError, match="a model of 5 landmarks, expected 68"):
        DlibLandmarks(path)
