"""The synthesis and mapping networks against their formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from stylegan2_files import CONFIG_F, random_generator
from stylegan2_formulas import mapping, synthesis

from ffhq_uv.generator.stylegan2.checkpoints import Checkpoint
from ffhq_uv.generator.stylegan2.convolution import UpConvolution, Winograd, folded_up_kernel, upsample_image
from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork
from ffhq_uv.generator.stylegan2.winograd import winograd_convolution, winograd_kernel

MANY_CHANNELS = {4: 160, 8: 144, 16: 128, 32: 128, 64: 128}  # Winograd, and activations scaled
FEW_CHANNELS = {4: 16, 8: 12, 16: 8, 32: 8, 64: 4, 128: 3}  # kernels scaled


def error(channels: dict[int, int], *, samples: int, clamp: float | None = None, winograd: Winograd = "torch") -> float:
    """Largest difference of float32 images to the float64 formulas."""
    tensors = random_generator(channels)
    _, network = Checkpoint(tensors, "test", clamp=clamp).networks()
    assert isinstance(network, SynthesisNetwork)
    codes = torch.randn(samples, network.latents, 512, generator=torch.Generator().manual_seed(1))
    images = network.prepare(winograd=winograd)(codes)
    exact = {name: value.double().numpy() for name, value in tensors.items()}
    bound = np.inf if clamp is None else clamp
    expected = np.stack([synthesis(exact, code, bound) for code in codes.double().numpy()])
    assert 0.2 < expected.std() < 2  # about the nominal range: the bar is absolute
    return float(np.abs(images.permute(0, 2, 3, 1).numpy() - expected).max())


@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("winograd", ["off", "torch", "native"])
@pytest.mark.parametrize("channels", [MANY_CHANNELS, FEW_CHANNELS], ids=["many channels", "few channels"])
def test_images_are_those_of_the_formulas(channels: dict[int, int], winograd: Winograd, samples: int) -> None:
    assert error(channels, samples=samples, winograd=winograd) < 2e-5


def test_the_clamp_of_half_precision_checkpoints_binds_after_the_gain() -> None:
    assert error(FEW_CHANNELS, samples=1, clamp=0.75) < 2e-5


@pytest.mark.slow
def test_config_f_at_1024() -> None:
    assert error(CONFIG_F, samples=1) < 2e-5


def test_the_mapping_network_and_its_truncation() -> None:
    tensors = random_generator({4: 4}, mapping_layers=8)
    network, _ = Checkpoint(tensors, "test").networks()
    z = torch.randn(3, 512, generator=torch.Generator().manual_seed(2))
    exact = {name: value.double().numpy() for name, value in tensors.items()}
    expected = np.stack([mapping(exact, row) for row in z.double().numpy()])
    np.testing.assert_allclose(network(z), expected, atol=2e-5 * expected.std())
    average = exact["mapping.w_avg"]
    np.testing.assert_allclose(network(z, truncation=0.7), average + 0.7 * (expected - average), atol=1e-4)
    np.testing.assert_array_equal(network(z, truncation=0.0)[1], tensors["mapping.w_avg"])


@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 4),
    inputs=st.integers(1, 9),
    outputs=st.integers(1, 9),
    samples=st.integers(1, 3),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=30, deadline=None)
def test_winograd_is_the_convolution(
    rows: int, columns: int, inputs: int, outputs: int, samples: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(samples, inputs, 4 * rows, 4 * columns, generator=generator)
    weight = torch.randn(outputs, inputs, 3, 3, generator=generator)
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    result = winograd_convolution(x, winograd_kernel(weight))
    assert (result - expected).abs().max() < 3e-5 * max(1.0, expected.std())


def test_the_up_convolution_is_the_transposed_one_then_the_fir() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 5, 8, 8, generator=generator), torch.randn(7, 5, 3, 3, generator=generator)
    taps = torch.tensor([1.0, 3, 3, 1])
    fir = (torch.outer(taps, taps) / 16).expand(7, 1, 4, 4)
    spread = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    expected = F.conv2d(spread, fir, padding=1, groups=7)
    torch.testing.assert_close(UpConvolution(weight, torch.float32).convolve(x), expected, atol=1e-5, rtol=1e-5)
    phases = F.conv2d(x, folded_up_kernel(weight).float(), padding=1).reshape(2, 2, 2, 7, 8, 8)
    folded = phases.permute(0, 3, 4, 1, 5, 2).reshape(2, 7, 16, 16)
    torch.testing.assert_close(folded, expected, atol=1e-5, rtol=1e-5)


def test_the_border_of_an_upsampled_image_sees_zeros() -> None:
    """Ones: 9/16 in the corner's first pixel, not 1 as bilinear interpolation's repeated border would give."""
    image = upsample_image(torch.ones(1, 3, 4, 4))
    assert image.shape == (1, 3, 8, 8)
    np.testing.assert_allclose(image[0, 0, 0, :3], [0.5625, 0.75, 0.75])
    np.testing.assert_allclose(image[0, 0, 4, 1:-1], 1)
