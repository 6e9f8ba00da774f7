import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.texture.colour import CONTRAST, TO_YUV, match, mean_and_deviation, moments_over, recolour_row


def texels(seed: int, spread: float = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = rng.normal(0, spread, (3, 3))
    colour = 128 + np.tensordot(mixing, rng.normal(size=(3, 20, 30)), 1)
    return colour.clip(0, 255).astype(np.float32)


def test_moments_are_those_of_the_masked_texels_in_yuv() -> None:
    image, mask = texels(0), np.zeros((20, 30), np.uint8)
    mask[3:9, 5:20] = 1
    mask[5, 7] = 0
    yuv = np.tensordot(TO_YUV, image[:, mask > 0].astype(np.float64), 1)
    mean, deviation = mean_and_deviation(moments_over(image, mask))
    np.testing.assert_allclose(mean, yuv.mean(1), atol=1e-9)
    np.testing.assert_allclose(deviation, yuv.std(1), atol=1e-7)


@settings(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_match_gives_the_targets_means_and_its_contrast_over_one_and_a_half(first: int, second: int) -> None:
    source, target = texels(first), texels(second, spread=4)
    everywhere = np.ones(source.shape[1:], np.uint8)
    target_moments = moments_over(target, everywhere)
    affine = match(moments_over(source, everywhere), target_moments).astype(np.float64)
    matched = np.tensordot(affine[:, :3], source, 1) + affine[:, 3, None, None]
    yuv = np.tensordot(TO_YUV, matched, 1).reshape(3, -1)
    mean, deviation = mean_and_deviation(target_moments)
    np.testing.assert_allclose(yuv.mean(1), mean, atol=1e-2)
    np.testing.assert_allclose(yuv.std(1), deviation / CONTRAST, atol=1e-2)


def test_a_flat_source_takes_the_targets_mean() -> None:
    everywhere = np.ones((20, 30), np.uint8)
    grey, target = np.full((3, 20, 30), 90, np.float32), texels(3)
    affine = match(moments_over(grey, everywhere), moments_over(target, everywhere))
    assert np.isfinite(affine).all()
    out = np.empty((3, 30), np.float32)
    recolour_row(grey, 0, affine, out)
    np.testing.assert_allclose(out, target.mean((1, 2))[:, None].repeat(30, 1), atol=1e-2)


def test_recolouring_clips() -> None:
    out = np.empty((3, 2), np.float32)
    image = np.array([[[10, 200]], [[10, 200]], [[10, 200]]], np.float32)
    recolour_row(image, 0, np.eye(3, 4, dtype=np.float32) * 2 - np.float32([[0, 0, 0, 50]] * 3), out)
    assert out.tolist() == [[0, 255]] * 3
