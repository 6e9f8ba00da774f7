"""FFHQ's alignment: upstream's bytes, and what must hold of any face."""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ffhq_uv.formats.png import read_png
from ffhq_uv.inversion.alignment import align, face_quad

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden/alignment.json").read_text())


def waves(height: int, width: int) -> NDArray[np.uint8]:
    """The synthetic picture that the golden numbers were made of."""
    i, j, c = np.arange(height)[:, None, None], np.arange(width)[None, :, None], np.arange(3)
    levels = 127.5 + 60 * np.sin(0.021 * (c + 1) * i + 0.4 * c) * np.cos(0.017 * j)
    levels = levels + 50 * np.cos(0.11 * j + 0.07 * i + c)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def landmarks(found: Any) -> NDArray[np.float64]:
    """All 68, or a face of which only the eyes and the corners of the mouth are given."""
    if len(found) == 68:
        return np.array(found)
    points = np.zeros((68, 2))
    points[36:48], points[48], points[54] = found
    return points


@pytest.mark.slow
@pytest.mark.parametrize("name", ["border", "large", "small"])
def test_crops_have_upstreams_bytes(name: str) -> None:
    golden = GOLDEN[name]
    width, height = golden["image_size"]
    crop = align(waves(height, width), landmarks(golden["landmarks"]))
    assert crop.shape == (256, 256, 3)
    assert zlib.crc32(crop.tobytes()) == golden["crc32"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "place"), [("inversion_01223", "inversions"), ("original_01223", "images")])
def test_crops_of_the_published_sample_have_upstreams_bytes(name: str, place: str) -> None:
    example = os.environ.get("FFHQ_UV_EXAMPLE")
    path = Path(example or "") / "dataset_project" / place / "01223.png"
    if not example or not path.is_file():
        pytest.skip(f"FFHQ_UV_EXAMPLE has no dataset_project/{place}/01223.png")
    golden = GOLDEN[name]
    crop = align(read_png(path.read_bytes(), path.name), landmarks(golden["landmarks"]))
    assert zlib.crc32(crop.tobytes()) == golden["crc32"]


@pytest.mark.parametrize("name", GOLDEN)
def test_squares_are_upstreams(name: str) -> None:
    np.testing.assert_allclose(face_quad(landmarks(GOLDEN[name]["landmarks"])).corners, GOLDEN[name]["quad"], atol=1e-9)


@given(st.floats(-np.pi, np.pi), st.floats(0.1, 10), st.floats(-500, 500), st.floats(-500, 500))
def test_the_square_turns_grows_and_moves_with_the_face(angle: float, scale: float, x: float, y: float) -> None:
    face = landmarks(GOLDEN["small"]["landmarks"])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = face_quad(face @ turn.T + (x, y))
    still = face_quad(face)
    np.testing.assert_allclose(moved.corners, still.corners @ turn.T + (x, y), atol=1e-6 * max(1, scale * 300))
    assert moved.size == pytest.approx(still.size * scale)


@settings(max_examples=25)
@given(st.integers(12, 120), st.integers(12, 120), st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 1.5))
def test_any_face_gives_a_crop(height: int, width: int, x: float, y: float, scale: float) -> None:
    """Small pictures, faces at their edges and larger than they are."""
    face = landmarks(GOLDEN["small"]["landmarks"])
    placed = (face - face[36:48].mean(0)) * scale + (x * width, y * height)
    crop = align(np.full((height, width, 3), (10, 120, 240), np.uint8), placed)
    np.testing.assert_array_equal(crop, np.broadcast_to((10, 120, 240), (256, 256, 3)))


def test_a_face_outside_its_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="outside its picture"):
        align(waves(60, 60), landmarks(GOLDEN["large"]["landmarks"]))


def test_landmarks_in_one_place_are_no_face() -> None:
    with pytest.raises(ValueError, match="one place"):
        face_quad(np.full((68, 2), 7.0))
