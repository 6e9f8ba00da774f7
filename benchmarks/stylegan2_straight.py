"""A straight reading of the NVIDIA formulation of StyleGAN2's synthesis: what ours is timed against.

Modulated weights per sample and grouped convolutions, zero-insert up-sampling followed by the 4x4 FIR, NCHW, nothing
fused, nothing kept. It takes the same parameters by the same names, so both can draw the same face.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def upsample_fir(x: Tensor, *, before: int, after: int) -> Tensor:
    """Pad [N, C, H, W] and filter with the 4x4 kernel outer([1, 3, 3, 1]) / 16 (gain 4), one channel at a time."""
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=x.dtype)
    kernel = torch.outer(taps, taps) / 16
    x = F.pad(x, (before, after, before, after))
    return F.conv2d(x, kernel.expand(x.shape[1], 1, 4, 4), groups=x.shape[1])


def modulated_conv(x: Tensor, weight: Tensor, styles: Tensor, *, up: bool, demodulate: bool) -> Tensor:
    """Convolve every sample [N, I, H, W] with its own modulated weights [N, O, I, k, k], as one grouped convolution."""
    samples, inputs, height, width = x.shape
    outputs, _, kernel, _ = weight.shape
    weights = weight[None] * styles[:, None, :, None, None]
    if demodulate:
        weights = weights * (weights.square().sum((2, 3, 4), keepdim=True) + 1e-8).rsqrt()
    x = x.reshape(1, samples * inputs, height, width)
    if up:
        weights = weights.transpose(1, 2).reshape(samples * inputs, outputs, kernel, kernel)
        x = F.conv_transpose2d(x, weights, stride=2, groups=samples)
        x = upsample_fir(x, before=1, after=1)
    else:
        weights = weights.reshape(samples * outputs, inputs, kernel, kernel)
        x = F.conv2d(x, weights, padding=kernel // 2, groups=samples)
    return x.reshape(samples, outputs, *x.shape[2:])


def upsample_image(image: Tensor) -> Tensor:
    """Twice the size: a zero after every pixel and row, then the FIR."""
    samples, channels, height, width = image.shape
    spread = image.reshape(samples, channels, height, 1, width, 1)
    spread = F.pad(spread, (0, 1, 0, 0, 0, 1)).reshape(samples, channels, 2 * height, 2 * width)
    return upsample_fir(spread, before=2, after=1)


def synthesize(parameters: dict[str, Tensor], latents: Tensor) -> Tensor:
    """RGB [N, 3, R, R], nominally in [-1, 1], of W+ codes [N, L, 512]; ``parameters`` by their checkpoint names."""

    def affine(layer: str, index: int) -> Tensor:
        weight = parameters[f"{layer}.affine.weight"]
        return F.linear(latents[:, index], weight / math.sqrt(weight.shape[1]), parameters[f"{layer}.affine.bias"])

    def convolution(x: Tensor, layer: str, index: int, *, up: bool) -> Tensor:
        weight = parameters[f"{layer}.weight"]
        weight = weight / math.sqrt(weight[0].numel())
        x = modulated_conv(x, weight, affine(layer, index), up=up, demodulate=True)
        x = x + parameters[f"{layer}.noise_const"] * parameters[f"{layer}.noise_strength"]
        x = x + parameters[f"{layer}.bias"].reshape(1, -1, 1, 1)
        return F.leaky_relu(x, 0.2) * math.sqrt(2)

    def to_rgb(x: Tensor, layer: str, index: int) -> Tensor:
        weight = parameters[f"{layer}.weight"]
        weight = weight / math.sqrt(weight[0].numel())
        x = modulated_conv(x, weight, affine(layer, index), up=False, demodulate=False)
        return x + parameters[f"{layer}.bias"].reshape(1, -1, 1, 1)

    x = parameters["b4.const"].expand(len(latents), -1, -1, -1)
    x = convolution(x, "b4.conv1", 0, up=False)
    image = to_rgb(x, "b4.torgb", 1)
    for step in range(1, latents.shape[1] // 2):
        block, index = f"b{4 << step}", 2 * step - 1
        x = convolution(x, f"{block}.conv0", index, up=True)
        x = convolution(x, f"{block}.conv1", index + 1, up=False)
        image = upsample_image(image) + to_rgb(x, f"{block}.torgb", index + 2)
    return image
