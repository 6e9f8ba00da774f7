"""What the grain of faces is taken for."""

import cv2
import numpy as np
import pytest

from ffhq_uv.texture.noise import JPEG, noise

SIDE = 256


def face(seed: int, grain: float) -> np.ndarray:
    """Shading and pores, and Gaussian noise of a standard deviation on them; uint8 [SIDE, SIDE]."""
    rng = np.random.default_rng(seed)
    shading = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 20)
    pores = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)), (0, 0), 2)
    picture = 140 + 30 * shading / shading.std() + 3 * pores / pores.std() + rng.normal(0, grain, (SIDE, SIDE))
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def grain_of(picture: np.ndarray) -> float:
    places = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 1, 2).astype(np.float32)[::3]
    return noise(picture[None].astype(np.float32), places, np.ones(places.shape[:2], np.float32))


def compressed(picture: np.ndarray, quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


@pytest.mark.parametrize("grain", [1, 2, 4])
def test_the_grain_is_found(grain: float) -> None:
    assert grain_of(face(grain, grain)) == pytest.approx(grain, rel=0.2)


@pytest.mark.parametrize("quality", [60, 80])
@pytest.mark.parametrize("grain", [0, 2])
def test_jpeg_is_known_by_its_blocks(quality: int, grain: float) -> None:
    assert grain_of(compressed(face(5, grain), quality)) >= JPEG


def test_a_face_without_grain_is_never_taken_for_jpeg() -> None:
    """Whichever of the sixty-four places its blocks would have."""
    picture = face(6, 0)
    assert {grain_of(np.roll(picture, shift, (0, 1))) for shift in np.ndindex(8, 8)} == {0}
