"""Stray texels: only at rims, only what stands out; and the grain of faces, which is measured."""

from __future__ import annotations

import numpy as np
import pytest

from ffhq_uv.texture.noise import noise
from ffhq_uv.texture.specks import remove_specks


def test_a_stray_texel_at_a_rim_takes_the_median_and_one_inside_stays() -> None:
    opacity = np.zeros((40, 40), np.float32)
    opacity[5:35, 5:35] = 1
    picture = np.full((40, 40, 3), 150, np.uint8)
    picture[:, :, 2] = 90
    spotted = picture.copy()
    spotted[6, 20], spotted[20, 20], spotted[2, 2] = 10, 10, 10  # at the rim, inside, where nothing is seen
    remove_specks(opacity, spotted, 3)
    assert (spotted[6, 20] == picture[6, 20]).all()
    assert (spotted[20, 20] == 10).all()
    assert (spotted[2, 2] == 10).all()


@pytest.mark.parametrize("seen", [0, 1])
def test_nothing_seen_and_all_seen_have_no_rim(seen: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    found = picture.copy()
    remove_specks(np.full((30, 30), seen, np.float32), found, 3)
    assert (found == picture).all()


@pytest.mark.parametrize("sigma", [0.0, 2.0, 6.0])
def test_the_grain_of_a_shaded_face_is_its_noise(sigma: float) -> None:
    rng = np.random.default_rng(1)
    row, column = np.mgrid[0:200, 0:200]
    shade = 120 + 0.3 * row + 20 * np.sin(column / 25)
    luma = np.rint(shade + sigma * rng.standard_normal((3, 200, 200))).astype(np.float32)
    places = rng.uniform(0, 199, (4000, 3, 2)).astype(np.float32)
    found = noise(luma, places, np.ones((4000, 3), np.float32))
    assert found == pytest.approx(sigma, abs=0.05 + 0.06 * sigma)
    assert noise(luma, places, np.zeros((4000, 3), np.float32)) == 0
