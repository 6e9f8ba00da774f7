"""Landmarks to crop: against what upstream saved for 01223, the published formulas, and invariances."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares

from ffhq_uv.analysis.alignment import (
    AlignmentError,
    align,
    aligned_points,
    crop_origin,
    cut,
    five_points,
    load_model_points,
    resized_size,
)
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import Alignment
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS

STEP_4 = "dataset_project/unwrap_texture/01223/01223_final_"

MODEL = np.array([[-0.3, 0.4, 0.9], [0.3, 0.4, 0.9], [0, 0, 1.3], [-0.2, -0.3, 1], [0.2, -0.3, 1]])


def stored(example: Path, part: str) -> dict[str, np.ndarray]:
    value = read_torch((example / f"{STEP_4}{part}.pt").read_bytes(), part)
    assert isinstance(value, dict)
    return value


def recorded_points(example: Path) -> dict[str, np.ndarray]:
    landmarks = stored(example, "lm68_2d")
    return {view: five_points(torch.from_numpy(landmarks[view].astype(float))).numpy() for view in VIEWS}


def recorded_alignments(example: Path) -> dict[str, Alignment]:
    values = {
        view: [float(np.squeeze(v)) for v in entries] for view, entries in stored(example, "trans_params").items()
    }
    return {view: Alignment(int(w), int(h), s, tx, ty) for view, (w, h, s, tx, ty, _) in values.items()}


def test_the_five_points_of_the_front_view(example: Path) -> None:
    golden = [
        (386.8624, 539.1806), (624.4364, 540.7625), (504.7895, 414.7176), (417.4372, 283.3529), (593.3135, 280.2309)
    ]  # fmt: skip
    np.testing.assert_allclose(recorded_points(example)["front"], golden, atol=1e-3)


def test_one_set_of_model_points_explains_every_recorded_alignment(example: Path) -> None:
    """The model's points are not public; solved from the three views, they must give scale and origin of each."""
    points, recorded = recorded_points(example), recorded_alignments(example)
    mesh = MorphableModel.load(example / "stand_in_topo_assets/hifi3dpp_model_info.mat")
    start = five_points(mesh.mean[mesh.keypoints]).double().numpy() + np.array([0, 0, 0.5])

    def misfit(model: np.ndarray) -> np.ndarray:
        found = [(align(points[view], model.reshape(5, 3), 1024, 1024), recorded[view]) for view in VIEWS]
        return np.concatenate([[(a.scale / b.scale - 1) * 1e3, a.tx - b.tx, a.ty - b.ty] for a, b in found])

    model = least_squares(misfit, start.ravel(), xtol=1e-12, ftol=1e-12, gtol=1e-12).x.reshape(5, 3)
    for view in VIEWS:
        found = align(points[view], model, 1024, 1024)
        np.testing.assert_allclose(found.scale, recorded[view].scale, atol=1e-6)
        np.testing.assert_allclose([found.tx, found.ty], [recorded[view].tx, recorded[view].ty], atol=1e-3)


def test_the_origins_alone_identify_points_and_axes(example: Path) -> None:
    """tx and ty are one linear function of the points: 6 equations, 4 unknowns, and no room for another choice."""

    def residual(points: dict[str, np.ndarray]) -> float:
        rows = np.concatenate([(points[view] - points[view][0]).T for view in VIEWS])[:, 1:]
        origins = (
            [recorded[view].tx - points[view][0, 0] for view in VIEWS],
            [recorded[view].ty - points[view][0, 1] for view in VIEWS],
        )
        target = np.stack(origins, 1).ravel()
        return float(np.abs(rows @ np.linalg.lstsq(rows, target)[0] - target).max())

    recorded, points = recorded_alignments(example), recorded_points(example)
    assert residual(points) < 1e-3
    assert residual({view: np.stack([p[:, 0], 1023 - p[:, 1]], 1) for view, p in points.items()}) > 1


@pytest.mark.parametrize(
    ("view", "size", "origin"), [("left", 268, (-12, 55)), ("front", 275, (25, 49)), ("right", 263, (50, 49))]
)
def test_crops_are_cut_where_upstream_cut_them(example: Path, view: str, size: int, origin: tuple[int, int]) -> None:
    alignment = recorded_alignments(example)[view]
    assert resized_size(alignment) == (size, size)
    assert crop_origin(alignment) == origin


def test_a_crop_is_black_outside_the_face() -> None:
    face = np.full((64, 64, 3), 200, np.uint8)
    crop = cut(face, Alignment(64, 64, 2.0, 0.0, 64.0))  # the origin is the face's top left corner
    assert crop.shape == (224, 224, 3)
    assert (crop[:112] == 0).all()
    assert (crop[:, :112] == 0).all()
    assert (crop[112:, 112:] == 200).all()


@given(st.floats(50, 900), st.floats(-400, 1400), st.floats(-400, 1400), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6))
def test_a_scaled_orthographic_view_gives_its_scale_and_origin(
    scale: float, tx: float, ty: float, yaw: float, pitch: float
) -> None:
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0]])
    turn[1] = [np.sin(pitch) * np.sin(yaw), np.cos(pitch), -np.sin(pitch) * np.cos(yaw)]
    found = align(scale * MODEL @ turn.T + [tx, ty], MODEL, 1024, 1024)
    np.testing.assert_allclose([found.scale, found.tx, found.ty], [102 / scale, tx, ty], rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("points", [np.zeros((5, 2)), MODEL[:, :2] * 1e-3, MODEL[:, :2] * 1e9])
def test_landmarks_that_are_no_face_are_refused(points: np.ndarray) -> None:
    with pytest.raises(AlignmentError, match="resized by"):
        align(points, MODEL, 1024, 1024)


@pytest.mark.parametrize("view", VIEWS)
def test_the_mean_face_is_near_01223(example: Path, view: str) -> None:
    points = recorded_points(example)[view]
    rows = np.stack([points[:, 0], 1023 - points[:, 1]], 1)
    assert np.abs(aligned_points(view, 1024, 1024) - rows).max() < 0.02 * 1024
    opposite = aligned_points({"left": "right", "right": "left"}.get(view, view), 1024, 1024)[[1, 0, 2, 4, 3]]
    np.testing.assert_allclose(aligned_points(view, 1024, 1024), [1023, 0] + opposite * [-1, 1], atol=1.1)


def test_model_points_are_read_from_the_published_key(tmp_path: Path) -> None:
    path = tmp_path / "similarity_Lm3D_all.mat"
    landmarks = np.random.default_rng(0).normal(size=(68, 3)).astype(np.float32)
    scipy.io.savemat(path, {"lm": landmarks})
    expected = [(landmarks[36] + landmarks[39]) / 2, (landmarks[42] + landmarks[45]) / 2, *landmarks[[30, 48, 54]]]
    np.testing.assert_allclose(load_model_points(path), expected, atol=1e-6)
    scipy.io.savemat(path, {"lm": landmarks[:5]})
    with pytest.raises(ValueError, match=r"similarity_Lm3D_all\.mat: lm has shape \(5, 3\), expected 68"):
        load_model_points(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a readable MATLAB file"):
        load_model_points(path)
    with pytest.raises(FileNotFoundError, match="topo_assets"):
        load_model_points(tmp_path / "none.mat")
