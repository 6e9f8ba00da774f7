"""The synthesis and mapping networks against their formulas in float64."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from stylegan2_files import CONFIG_F, random_generator
from stylegan2_formulas import mapping, synthesis
from tests.threads import computing_with
from torch import Tensor

from ffhq_uv.generator.stylegan2.checkpoints import Checkpoint
from ffhq_uv.generator.stylegan2.convolution import UpConvolution, upsample_image
from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork
from ffhq_uv.networks.native import Drawing, native
from ffhq_uv.networks.winograd import Size, winograd_kernel

MANY_CHANNELS = {4: 160, 8: 144, 16: 128, 32: 320, 64: 64}  # activations scaled
FEW_CHANNELS = {4: 16, 8: 12, 16: 8, 32: 32, 64: 32, 128: 3}  # kernels scaled


def errors(channels: dict[int, int], *, samples: int, clamp: float | None = None) -> list[float]:
    """Largest difference of float32 images, by torch and by our own library, to the float64 formulas."""
    tensors = random_generator(channels)
    _, network = Checkpoint(tensors, "test", clamp=clamp).networks()
    assert isinstance(network, SynthesisNetwork)
    codes = torch.randn(samples, network.latents, 512, generator=torch.Generator().manual_seed(1))
    exact = {name: value.double().numpy() for name, value in tensors.items()}
    bound = np.inf if clamp is None else clamp
    expected = np.stack([synthesis(exact, code, bound) for code in codes.double().numpy()])
    assert 0.2 < expected.std() < 2  # about the nominal range: the bar is absolute
    images = [network.prepare(native=library)(codes).permute(0, 2, 3, 1).numpy() for library in (None, native())]
    return [float(np.abs(image - expected).max()) for image in images]


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 2])
@pytest.mark.parametrize("channels", [MANY_CHANNELS, FEW_CHANNELS], ids=["many channels", "few channels"])
def test_images_are_those_of_the_formulas(channels: dict[int, int], samples: int) -> None:
    assert max(errors(channels, samples=samples)) < 2e-5


def test_the_clamp_of_half_precision_checkpoints_binds_after_the_gain() -> None:
    assert max(errors(FEW_CHANNELS, samples=1, clamp=0.75)) < 2e-5


@pytest.mark.slow
def test_config_f_at_1024() -> None:
    assert max(errors(CONFIG_F, samples=1)) < 2e-5


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


def convolved(x: Tensor, weight: Tensor, *, up: bool) -> Tensor:
    """The convolution as the paper has it, float64."""
    if not up:
        return F.conv2d(x.double(), weight.double(), padding=1)
    taps = torch.tensor([1.0, 3, 3, 1], dtype=torch.float64)
    fir = (torch.outer(taps, taps) / 16).expand(len(weight), 1, 4, 4)
    spread = F.conv_transpose2d(x.double(), weight.double().transpose(0, 1), stride=2)
    return F.conv2d(spread, fir, padding=1, groups=len(weight))


@given(
    rows=st.integers(1, 12),
    columns=st.integers(1, 12),
    inputs=st.integers(1, 3),
    outputs=st.integers(1, 10),
    samples=st.integers(1, 2),
    threads=st.integers(1, 5),
    up=st.booleans(),
    bfloat16=st.booleans(),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_the_native_layer_is_the_convolution_and_what_follows(
    rows: int,
    columns: int,
    inputs: int,
    outputs: int,
    samples: int,
    threads: int,
    up: bool,
    bfloat16: bool,
    seed: int,
) -> None:
    library, generator = native(), torch.Generator().manual_seed(seed)
    dtype = torch.bfloat16 if bfloat16 and library.bfloat16 else torch.float32
    inputs, outputs = inputs * library.panel, outputs * library.panel

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    height, width = 4 * rows - seed % 4, 4 * columns - seed // 4 % 4  # the last tiles need not be whole
    x = normal(samples, inputs, height, width)
    weight, styles, norms = normal(outputs, inputs, 3, 3), normal(samples, inputs), normal(samples, outputs)
    bias, noise = normal(outputs), normal((1 + up) * height, (1 + up) * width)
    size = Size.UP if up else Size.SAME
    kernel = winograd_kernel(weight, dtype, library.panel, size)
    layer = partial(library.convolve, x, kernel, bias, slopes=torch.full_like(bias, 0.2), size=size, clamp=9.0)
    with computing_with(threads):
        result = layer(styles=styles, norms=norms, noise=noise)
    with computing_with(1):
        assert torch.equal(layer(styles=styles, norms=norms, noise=noise), result)
    expected = convolved(x * styles[:, :, None, None], weight, up=up)
    scale = expected.std()
    expected = F.leaky_relu(expected * norms[:, :, None, None] + noise + bias[:, None, None], 0.2).clamp(-9, 9)
    error, low = (result - expected).abs(), dtype == torch.bfloat16
    assert error.square().mean().sqrt() < scale * (0.02 if low else 2e-6)
    # The rare worst of a hundred thousand: the norms, up to 5 here, scale what rounding did before them.
    assert error.max() < scale * norms.abs().max().clamp(min=1) * (0.2 if low else 3e-5)


def test_the_up_convolution_is_the_transposed_one_then_the_fir() -> None:
    generator = torch.Generator().manual_seed(0)
    x, weight = torch.randn(2, 5, 8, 8, generator=generator), torch.randn(7, 5, 3, 3, generator=generator)
    result = UpConvolution(weight, torch.float32).convolve(x)
    torch.testing.assert_close(result.double(), convolved(x, weight, up=True), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
def test_native_colours_are_those_of_torch(threads: int) -> None:
    library, generator = native(), torch.Generator().manual_seed(0)
    x = torch.randn(2, library.panel, 8, 12, generator=generator)
    weights, bias = torch.randn(2, 3, library.panel, generator=generator), torch.randn(3, generator=generator)
    smaller = torch.randn(2, 3, 4, 6, generator=generator)
    with computing_with(threads):
        result = library.to_rgb(x, Drawing(weights, bias, smaller, clamp=5.0))
    drawn = torch.einsum("nihw,nci->nchw", x, weights) + bias[:, None, None]
    assert drawn.abs().max() > 5
    torch.testing.assert_close(result, upsample_image(smaller) + drawn.clamp(-5, 5), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_layer_draws_at_once_is_drawn_of_its_features(threads: int) -> None:
    library, generator = native(), torch.Generator().manual_seed(0)
    x, noise = (torch.randn(*size, generator=generator) for size in ((2, library.panel, 70, 20), (70, 20)))
    weight, bias = torch.randn(library.panel, library.panel, 3, 3, generator=generator), torch.ones(library.panel)
    kernel, slopes = winograd_kernel(weight, torch.float32, library.panel), torch.full_like(bias, 0.2)
    weights, smaller = torch.randn(2, 3, library.panel, generator=generator), torch.randn(2, 3, 35, 10)
    drawing = Drawing(weights, torch.ones(3), smaller, clamp=200.0)
    layer = partial(library.convolve, x, kernel, bias, slopes=slopes, noise=noise)
    with computing_with(threads):
        assert torch.equal(layer(drawing=drawing), library.to_rgb(layer(), drawing))


def test_the_border_of_an_upsampled_image_sees_zeros() -> None:
    """Ones: 9/16 in the corner's first pixel, not 1 as bilinear interpolation's repeated border would give."""
    image = upsample_image(torch.ones(1, 3, 4, 4))
    assert image.shape == (1, 3, 8, 8)
    np.testing.assert_allclose(image[0, 0, 0, :3], [0.5625, 0.75, 0.75])
    np.testing.assert_allclose(image[0, 0, 4, 1:-1], 1)
