"""What upstream's step 4 saved: against its own projection of 01223, and with files missing or damaged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.skin import skin_mask
from ffhq_uv.camera import Alignment, project
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS, Geometry

STEP_4 = "dataset_project/unwrap_texture/01223/01223_final_"


def analyse(analysis: RecordedAnalysis, *ids: str, views: int = 3, size: int = 1024) -> Geometry:
    faces = torch.zeros(1, 1, 1, 1, 3, dtype=torch.uint8).expand(len(ids), views, size, size, 3)
    return analysis(faces, torch.zeros(len(ids), views, 18, 512), ids)


@pytest.fixture(scope="module")
def analysis(example: Path) -> RecordedAnalysis:
    return RecordedAnalysis(example, example / "stand_in_topo_assets")


def test_projection_normals_and_skin_are_upstreams(analysis: RecordedAnalysis, example: Path) -> None:
    geometry = analyse(analysis, "01223")
    assert geometry.reasons == (None,)
    published = np.load(example / "published_recipe_on_stand_in/01223_projection.npz")
    for at, view in enumerate(VIEWS):
        np.testing.assert_allclose(geometry.xy[0, at], published[f"{view}_xy"], atol=1e-3)
        np.testing.assert_allclose(geometry.normals[0, at], published[f"{view}_normal"], atol=1e-4)
    areas = geometry.skin.float().mean((0, 2, 3))
    np.testing.assert_allclose(areas, [0.27557, 0.26653, 0.28890], atol=6e-6)
    assert geometry.identity.shape == (1, 3, 532)
    assert geometry.expression.shape == (1, 3, 45)
    assert 9 < geometry.depth.min() < geometry.depth.max() < 13


GOLDEN = {  # of the point (0.1, 0.2, 0.3): x and y (up) in the crop, x and row in the face
    "left": (151.776438, 137.552048, 530.848823, 542.363918),
    "front": (121.700745, 129.194184, 547.290521, 536.940731),
    "right": (92.209337, 132.189523, 555.168251, 551.355209),
}


@pytest.mark.parametrize("view", VIEWS)
def test_one_point_through_the_stored_camera(example: Path, view: str) -> None:
    def stored(part: str) -> Any:
        return read_torch((example / f"{STEP_4}{part}.pt").read_bytes(), part)[view]

    pose = {key: torch.from_numpy(stored("coeffs")[key][0].astype(np.float64)) for key in ("angle", "trans")}
    width, height, scale, tx, ty, _ = (float(np.squeeze(entry)) for entry in stored("trans_params"))
    point = torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)
    crop, _ = project(point, pose["angle"], pose["trans"])
    face = Alignment(int(width), int(height), scale, tx, ty).crop_to_image(crop)
    np.testing.assert_allclose([*crop[0], *face[0]], GOLDEN[view], atol=2e-6)


def test_whatever_is_missing_or_damaged_is_that_samples_reason(example: Path, tmp_path: Path) -> None:
    source = example / "dataset_project/unwrap_texture/01223"

    def sample(id: str, part: str = "nothing", change: Any = None) -> None:
        folder = tmp_path / "dataset_project/unwrap_texture" / id
        folder.mkdir(parents=True)
        for path in source.iterdir():
            content = path.read_bytes()
            if path.stem.endswith(part):
                content = change(content)
            if content:
                (folder / path.name.replace("01223", id)).write_bytes(content)

    def save(value: object) -> Any:
        def change(_: bytes) -> bytes:
            torch.save(value, tmp_path / "x.pt")
            return (tmp_path / "x.pt").read_bytes()

        return change

    coefficients = {
        view: {key: torch.zeros(1, size) for key, size in (("id", 532), ("exp", 45), ("angle", 3), ("trans", 3))}
        for view in VIEWS
    }
    not_finite = coefficients | {"right": coefficients["left"] | {"trans": torch.full((1, 3), np.inf)}}
    other_model = coefficients | {"left": coefficients["left"] | {"id": torch.zeros(1, 80)}}
    no_alignment = dict.fromkeys(VIEWS, 3)
    sample("00000")
    sample("00001", "coeffs", lambda data: b"")
    sample("00002", "seg_result", lambda data: b"")
    sample("00003", "coeffs", lambda data: data[:700])
    sample("00004", "seg_result", lambda data: data[:-50])
    sample("00005", "coeffs", save({"left": coefficients["left"]}))
    sample("00006", "coeffs", save(not_finite))
    sample("00007", "coeffs", save(other_model))
    sample("00008", "trans_params", save(no_alignment))
    sample("00009", "trans_params", save([1]))
    expected = {
        "00000": None,
        "00001": "missing_analysis:coeffs",
        "00002": "missing_analysis:seg_result",
        "00003": "analysis_unreadable:coeffs: 00003_final_coeffs.pt: not a readable torch file",
        "00004": "analysis_unreadable:seg_result: .*truncated PNG",
        "00005": "missing_view:front",
        "00006": "analysis_nonfinite:right",
        "00007": r"analysis_unreadable:coeffs: left id is \(1, 80\), expected float32 \(1, 532\)",
        "00008": "analysis_unreadable:trans_params: left is no alignment",
        "00009": "analysis_unreadable:trans_params: no dict of views",
        "70000": "missing_analysis:coeffs",
        "../01223": "analysis_unreadable:coeffs: no sample id",
    }
    analysis = RecordedAnalysis(tmp_path, example / "stand_in_topo_assets")
    for id, reason in expected.items():  # one at a time: a batch of full-size masks is large
        geometry = analyse(analysis, id)
        assert re.match(str(reason), str(geometry.reasons[0])), geometry.reasons
        assert geometry.xy.any() == (reason is None)
    batch = analyse(analysis, "00001", "00000")
    assert batch.reasons == ("missing_analysis:coeffs", None)
    assert batch.xy[1].any()


def test_other_sizes_and_the_inversion_were_not_analysed(analysis: RecordedAnalysis) -> None:
    assert "the faces are (512, 512)" in str(analyse(analysis, "01223", size=512).reasons[0])
    assert analyse(analysis, "01223", views=1).reasons == ("missing_analysis:inversion",)


@given(hnp.arrays("u1", st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 18)))
def test_skin_is_the_face_without_eyes_and_their_surroundings(classes: np.ndarray) -> None:
    """Upstream's formula, with a box filter that reflects at the border (step 4, skin mask)."""
    away = np.pad(1.0 - np.isin(classes, (4, 5)), 5, "reflect" if min(classes.shape) > 5 else "edge")
    windows = np.lib.stride_tricks.sliding_window_view(away, (11, 11))
    expected = np.isin(classes, (1, 2, 3, 4, 5, 10, 11, 12, 13)) & (classes != 11) & (windows.min((2, 3)) == 1)
    np.testing.assert_array_equal(skin_mask(classes), expected)
