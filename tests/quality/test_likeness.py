from __future__ import annotations

import numpy as np
import pytest

from ffhq_uv.quality.likeness import psnr, seam, ssim

RNG = np.random.default_rng(0)
TRUE = RNG.integers(40, 200, (64, 64, 3), np.uint8)
ALL = np.ones((64, 64), np.bool_)


def test_psnr_is_that_of_the_error_where_it_counts() -> None:
    found = TRUE.copy()
    found[:32] += 10
    assert psnr(found, TRUE, ALL) == pytest.approx(20 * np.log10(255) - 10 * np.log10(50))
    assert psnr(found, TRUE, np.arange(64)[:, None] < np.full(64, 32)) == pytest.approx(20 * np.log10(255 / 10))
    assert psnr(found, TRUE, np.arange(64)[:, None] >= np.full(64, 32)) == np.inf


def test_ssim_of_a_change_of_brightness_is_the_luminance_term() -> None:
    flat, brighter = (np.full((64, 64, 3), value, np.uint8) for value in (100, 120))
    assert ssim(flat, flat, ALL) == pytest.approx(1)
    expected = (2 * 100 * 120 + 6.5025) / (100**2 + 120**2 + 6.5025)
    assert ssim(flat, brighter, ALL) == pytest.approx(expected, abs=1e-4)
    assert ssim(TRUE, TRUE[:, ::-1].copy(), ALL) < 0.1


def test_a_step_that_the_truth_does_not_have_is_a_seam_and_an_even_error_is_none() -> None:
    size = 1024
    true = np.full((size, size, 3), 100, np.uint8)
    where = np.ones((size, size), np.bool_)
    stepped = true.copy()
    stepped[:, size // 2 :] += 20
    # a step blurred by a Gaussian is a Gaussian slope; 1 % of the columns are those up to 5 texels off
    slope = 20 / (3 * np.sqrt(2 * np.pi)) * np.exp(-0.5 * (np.array([4.5, 5.5]) / 3) ** 2)
    assert slope[1] < seam(stepped, true, where) < slope[0]
    assert seam(stepped, stepped, where) == 0
    assert seam((true + 20).astype(np.uint8), true, where) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("figure", [psnr, ssim, seam])
def test_what_cannot_be_compared_is_an_error(figure) -> None:
    with pytest.raises(ValueError, match="no texel"):
        figure(TRUE, TRUE, ~ALL)
    with pytest.raises(ValueError, match="expected"):
        figure(TRUE, TRUE[:32], ALL)
    if figure is seam:
        with pytest.raises(ValueError, match="border"):
            seam(TRUE, TRUE, np.eye(64) > 0)
