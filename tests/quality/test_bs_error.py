"""BS error: against its definition in float64, against the published maps, and by its symmetries."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ffhq_uv.quality.bs_error import bs_error, mean_luma, scaled_blur


def definition(uv_map: np.ndarray, kernel: int = 55) -> float:
    """The definition, word by word, in float64."""
    size = len(uv_map)
    width, sigma = scaled_blur(size, kernel)
    luma = uv_map.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    taps = np.exp(-((np.arange(width) - width // 2) ** 2) / (2 * sigma**2))
    taps /= taps.sum()
    padded = np.pad(luma, width // 2, mode="reflect")
    down = sum(tap * padded[i : i + size] for i, tap in enumerate(taps))
    blurred = sum(tap * down[:, i : i + size] for i, tap in enumerate(taps))
    return float(np.abs(blurred - blurred[:, ::-1]).mean())


def measured(uv_map: np.ndarray, **options) -> float:
    return float(bs_error(torch.from_numpy(uv_map.copy())[None], **options)[0])


def patches(rng: np.random.Generator, size: int, texels: int) -> np.ndarray:
    """A map of random squares, ``texels`` wide."""
    coarse = rng.integers(0, 256, (-(-size // texels),) * 2 + (3,), dtype=np.uint8)
    return coarse.repeat(texels, 0).repeat(texels, 1)[:size, :size]


@pytest.mark.parametrize("size", [1024, 1021, 513, 512, 301, 256, 128, 65, 64, 33])
@pytest.mark.parametrize("texels", [1, 100])
def test_equals_the_definition(size, texels):
    uv_map = patches(np.random.default_rng([size, texels]), size, texels)
    assert measured(uv_map) == pytest.approx(definition(uv_map), abs=1e-3)


@given(size=st.integers(2, 96), texels=st.integers(1, 96), kernel=st.integers(0, 20_000), seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None)
def test_any_size_pattern_and_kernel(size, texels, kernel, seed):
    """Also kernels so wide that the border is mirrored more than once."""
    kernel = 2 * kernel + 1
    uv_map = patches(np.random.default_rng(seed), size, texels)
    assert measured(uv_map, kernel=kernel) == pytest.approx(definition(uv_map, kernel), abs=1e-3)


def test_scaled_blur_is_opencvs_at_1024():
    assert scaled_blur(1024, 55) == (55, pytest.approx(8.6))
    assert scaled_blur(256, 55) == (13, pytest.approx(2.15))


@given(size=st.integers(1, 70), seed=st.integers(0, 2**32))
@settings(max_examples=30, deadline=None)
def test_symmetric_is_exactly_zero_and_mirroring_changes_nothing(size, seed):
    uv_map = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    assert measured(np.minimum(uv_map, uv_map[:, ::-1])) == 0.0
    assert measured(uv_map) == pytest.approx(measured(uv_map[:, ::-1]), rel=1e-6)


def test_a_constant_step_between_the_halves():
    """Left 10 brighter than right: |B - flip B| is 10, but for the blurred seam."""
    uv_map = np.full((256, 256, 3), 100, np.uint8)
    uv_map[:, :128] = 110
    seam = 2 * 10 * 2.15 * np.sqrt(2 / np.pi) / 256  # twice the mean absolute deviation of the Gaussian
    assert measured(uv_map) == pytest.approx(10 - seam, abs=0.01)


def test_per_cent_of_mean_luma_does_not_depend_on_exposure():
    rng = np.random.default_rng(0)
    dark = torch.from_numpy(rng.integers(0, 60, (1, 64, 64, 3), dtype=np.uint8))
    assert bs_error(dark * 4) == pytest.approx(4 * bs_error(dark), rel=1e-5)
    assert bs_error(dark * 4) / mean_luma(dark * 4) == pytest.approx(bs_error(dark) / mean_luma(dark), rel=1e-5)
    assert float(mean_luma(dark)) == pytest.approx((dark[0].double().numpy() @ [0.299, 0.587, 0.114]).mean())
    assert float(mean_luma(torch.full((1, 1024, 1024, 3), 255, dtype=torch.uint8))) == pytest.approx(255)


def test_every_map_of_a_batch_on_its_own():
    rng = np.random.default_rng(1)
    maps = [rng.integers(0, 256, (48, 48, 3), dtype=np.uint8) for _ in range(3)]
    assert bs_error(torch.from_numpy(np.stack(maps))).tolist() == [measured(one) for one in maps]
    assert bs_error(torch.zeros(0, 8, 8, 3, dtype=torch.uint8)).shape == (0,)


@pytest.mark.parametrize(
    ("maps", "options", "named"),
    [
        (torch.zeros(1, 8, 8, 3), {}, "float32"),
        (torch.zeros(1, 8, 9, 3, dtype=torch.uint8), {}, r"\[1, 8, 9, 3\]"),
        (torch.zeros(1, 8, 8, 3, dtype=torch.uint8), {"kernel": 54}, "54"),
    ],
)
def test_refuses(maps, options, named):
    with pytest.raises(ValueError, match=named):
        bs_error(maps, **options)


@pytest.mark.skipif("FFHQ_UV_EXAMPLE" not in os.environ, reason="FFHQ_UV_EXAMPLE is unset")
@pytest.mark.parametrize(
    ("published", "golden"),
    [("dataset_project/unwrap_texture/01223/01223_final_uv.png", 5.697), ("demo_head/tex_uv.png", 7.312)],
)
def test_published_maps(published, golden):
    with Image.open(Path(os.environ["FFHQ_UV_EXAMPLE"]) / published) as image:
        uv_map = np.asarray(image.convert("RGB"))
    assert measured(uv_map) == pytest.approx(golden, abs=0.01)
    assert measured(uv_map) == pytest.approx(definition(uv_map), abs=1e-3)
