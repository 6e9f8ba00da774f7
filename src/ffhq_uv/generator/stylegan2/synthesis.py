"""StyleGAN2's synthesis network (Karras et al. 2020, skip architecture): W+ codes to images.

Parameters have the names of NVIDIA's PyTorch checkpoints, so that a state dict loads as it is. The network is for
drawing, not for training: `prepare` derives what drawing needs from the parameters once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ffhq_uv.generator.stylegan2.convolution import (
    TorchConvolution,
    WinogradConvolution,
    convolution,
    upsample_image,
)
from ffhq_uv.networks.native import Drawing, Native

EPSILON = 1e-8
"""Added to the squared norm of a modulated kernel."""


class Affine(nn.Module):
    """W code [N, L] to the style [N, O] that scales a layer's input channels; its bias is near 1."""

    def __init__(self, latent_width: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, latent_width))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, latent: Tensor) -> Tensor:
        return F.linear(latent / math.sqrt(latent.shape[1]), self.weight, self.bias)


class SynthesisLayer(nn.Module):
    """Modulated, demodulated 3x3 convolution (of an input of half the size if ``up``), noise, bias, leaky ReLU."""

    convolution: TorchConvolution | WinogradConvolution
    energy: Tensor
    noise: Tensor
    scaled_bias: Tensor

    def __init__(
        self, inputs: int, outputs: int, size: int, latent_width: int, *, up: bool, clamp: float | None
    ) -> None:
        super().__init__()
        self.size, self.up, self.clamp = size, up, clamp
        self.weight = nn.Parameter(torch.empty(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.empty(outputs))
        self.affine = Affine(latent_width, inputs)
        self.noise_const = nn.Buffer(torch.empty(size, size))
        self.noise_strength = nn.Parameter(torch.empty(()))

    def prepare(self, dtype: torch.dtype, native: Native | None) -> None:
        """Lay out the kernel; the gain √2 after the leaky ReLU goes through it into everything before it."""
        gain = math.sqrt(2)
        self.convolution = convolution(self.weight, self.size, up=self.up, dtype=dtype, clamp=self.clamp, native=native)
        self.energy = nn.Buffer(self.weight.square().sum((2, 3)), persistent=False)
        dtype = torch.float32 if native else dtype
        self.noise = nn.Buffer((self.noise_const * self.noise_strength * gain).to(dtype), persistent=False)
        self.scaled_bias = nn.Buffer((self.bias * gain).to(dtype), persistent=False)

    def forward(self, x: Tensor, latent: Tensor, *drawing: Drawing) -> Tensor:
        """The features, or what is drawn of them: for `WinogradConvolution` only."""
        styles = self.affine(latent) / math.sqrt(9 * x.shape[1])
        norms = math.sqrt(2) * (styles.square() @ self.energy.T + EPSILON).rsqrt()
        y: Tensor = self.convolution(x, styles, norms, self.scaled_bias, self.noise, *drawing)
        return y


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to red, green and blue, float32 [N, 3, H, W]; not demodulated."""

    native: Native | None

    def __init__(self, inputs: int, latent_width: int, clamp: float | None) -> None:
        super().__init__()
        self.clamp = clamp
        self.weight = nn.Parameter(torch.empty(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.empty(3))
        self.affine = Affine(latent_width, inputs)

    def prepare(self, native: Native | None) -> None:
        """Draw with the library where it can: a multiple of its panel of input channels."""
        self.native = native if native and self.weight.shape[1] % native.panel == 0 else None

    def forward(self, x: Tensor, latent: Tensor, smaller: Tensor | None = None) -> Tensor:
        """Added to the image of half the size, if there is one."""
        samples, inputs, height, width = x.shape
        if self.native and smaller is not None:
            return self.native.to_rgb(x, self.drawing(latent, smaller))
        weights = self._weights(latent)
        pixels = x.permute(0, 2, 3, 1).reshape(samples, height * width, inputs)
        rgb: Tensor = (pixels @ weights.to(x.dtype).mT).float() + self.bias
        rgb = rgb if self.clamp is None else rgb.clamp_(-self.clamp, self.clamp)
        rgb = rgb.reshape(samples, height, width, 3).permute(0, 3, 1, 2)
        return rgb if smaller is None else upsample_image(smaller) + rgb

    def drawing(self, latent: Tensor, smaller: Tensor) -> Drawing:
        """The same for the library."""
        return Drawing(self._weights(latent), self.bias, smaller, self.clamp)

    def _weights(self, latent: Tensor) -> Tensor:
        weight = self.weight[:, :, 0, 0]
        styles: Tensor = self.affine(latent) / math.sqrt(weight.shape[1])
        return styles[:, None] * weight  # [N, 3, I]


class SynthesisBlock(nn.Module):
    """Everything at one resolution above 4: double the size, convolve, add what it draws to the image.

    Nobody needs the features of the ``last`` block: where it can, it makes the image without keeping them.
    """

    def __init__(
        self, inputs: int, outputs: int, size: int, latent_width: int, clamp: float | None, *, last: bool
    ) -> None:
        super().__init__()
        self.last = last
        self.conv0 = SynthesisLayer(inputs, outputs, size, latent_width, up=True, clamp=clamp)
        self.conv1 = SynthesisLayer(outputs, outputs, size, latent_width, up=False, clamp=clamp)
        self.torgb = ToRGB(outputs, latent_width, clamp)

    def forward(self, x: Tensor, image: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        x = self.conv0(x, latents[:, 0])
        if self.last and isinstance(self.conv1.convolution, WinogradConvolution):
            return x, self.conv1(x, latents[:, 1], self.torgb.drawing(latents[:, 2], image))
        x = self.conv1(x, latents[:, 1])
        return x, self.torgb(x, latents[:, 2], image)


class FirstBlock(nn.Module):
    """The learned constant at 4x4, one convolution, the first image."""

    def __init__(self, outputs: int, latent_width: int, clamp: float | None) -> None:
        super().__init__()
        self.const = nn.Parameter(torch.empty(outputs, 4, 4))
        self.conv1 = SynthesisLayer(outputs, outputs, 4, latent_width, up=False, clamp=clamp)
        self.torgb = ToRGB(outputs, latent_width, clamp)

    def forward(self, latents: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        const = self.const.to(dtype).expand(len(latents), -1, -1, -1)
        x = self.conv1(const.contiguous(memory_format=torch.channels_last), latents[:, 0])
        return x, self.torgb(x, latents[:, 1])


class SynthesisNetwork(nn.Module):
    """W+ codes float32 [N, L, latent_width] to RGB float32 [N, 3, R, R], nominally in [-1, 1], not clamped.

    channels    feature maps at each resolution 4, 8, ..., R (config-f: 512 up to 64, then 256, 128, 64, 32)
    clamp       bound on activations that NVIDIA's half-precision checkpoints were trained with, or None

    L = 2 log2(R) - 2 style inputs: a block takes three, and its last is the next block's first.
    """

    def __init__(self, channels: Mapping[int, int], latent_width: int = 512, clamp: float | None = None) -> None:
        super().__init__()
        self.sizes = sorted(channels)
        self.resolution, self.dtype = self.sizes[-1], torch.float32
        self.latents, self.latent_width = 2 * len(self.sizes), latent_width
        self.b4 = FirstBlock(channels[4], latent_width, clamp)
        for below, size in pairwise(self.sizes):
            widths = channels[below], channels[size]
            block = SynthesisBlock(*widths, size, latent_width, clamp, last=size == self.resolution)
            self.add_module(f"b{size}", block)

    def prepare(self, dtype: torch.dtype = torch.float32, native: Native | None = None) -> SynthesisNetwork:
        """Derive from the parameters what drawing needs; call it again when they, or their device, change.

        dtype       of activations and kernels; styles, norms and the image stay float32
        native      on a CPU, the library that computes the large layers; it holds activations in float32, and
                    multiplies numbers of ``dtype``
        """
        self.dtype = torch.float32 if native else dtype
        for module in self.modules():
            if isinstance(module, SynthesisLayer):
                module.prepare(dtype, native)
            elif isinstance(module, ToRGB):
                module.prepare(native)
        return self

    def layers(self) -> list[SynthesisLayer]:
        """The layers with noise, in the order of the published noise stream: 4, 8, 8, 16, 16, ..."""
        return [layer for layer in self.modules() if isinstance(layer, SynthesisLayer)]

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        device: torch.device = self.b4.const.device
        return device

    @torch.no_grad()
    def forward(self, latents: Tensor) -> Tensor:
        """The images of codes; `prepare` comes first."""
        x: Tensor
        image: Tensor
        x, image = self.b4(latents, self.dtype)
        for step, size in enumerate(self.sizes[1:]):
            x, image = self.get_submodule(f"b{size}")(x, image, latents[:, 2 * step + 1 : 2 * step + 4])
        return image
