"""The 3x3 convolutions of StyleGAN2, laid out for speed: what is convolved is the same, how is not.

Tensors have their channels last in memory. Every convolution takes, beside its input, a scale for each pair of output
and input channel, and a bias: the two are cheaper applied to the kernel than to large activations.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ffhq_uv.generator.stylegan2.native import NativeWinograd, native_winograd
from ffhq_uv.generator.stylegan2.winograd import winograd_convolution, winograd_kernel

Winograd = Literal["off", "torch", "native"]
"""Whether Winograd's form may be used (it is for CPUs), and whether in C++ too."""


def convolution(weight: Tensor, size: int, *, up: bool, dtype: torch.dtype, winograd: Winograd) -> Convolution:
    """The fastest form of a convolution with the checkpoint's weight [O, I, 3, 3] and outputs of size x size.

    Winograd's forms are for float32 on a CPU. The one in torch pays between 32 and 256: with fewer than 128 channels
    its transforms cost more than they save, and on smaller images reading its kernels does. The native one pays for
    few channels and from 64 up.
    """
    outputs, inputs = weight.shape[:2]
    if dtype != torch.float32:
        winograd = "off"
    if winograd == "native" and size >= 64 and max(inputs, outputs) <= 128:
        kernel = native_winograd()
        if kernel.fits(inputs, 4 * outputs if up else outputs) and outputs % kernel.lanes == 0:
            return NativeConvolution(weight, kernel, up=up)
    if up:
        return UpConvolution(weight, dtype)
    if winograd != "off" and 32 <= size <= 256 and min(inputs, outputs) >= 128:
        return WinogradConvolution(weight)
    return SameConvolution(weight, dtype)


class Convolution(nn.Module):
    """A convolution of [N, I, H, W] to [N, O, H, W] (of up-convolutions: twice the size)."""

    taps = 9
    """Numbers that a kernel has for each pair of channels: what scaling it costs."""

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """scale [O, I] multiplies the kernel, bias [O] is added; neither if None."""
        raise NotImplementedError

    def forward(self, x: Tensor, scale: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
        """Convolve with the scaled kernel, add bias [O] and noise [H, W], leaky ReLU of slope 0.2."""
        return F.leaky_relu_(self.convolve(x, scale, bias).add_(noise), 0.2)


class SameConvolution(Convolution):
    """Correlation with a 3x3 kernel, zeros around."""

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.kernel = nn.Buffer(_channels_last(weight, dtype), persistent=False)

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(x, _scaled(self.kernel, scale), bias, padding=1)


class WinogradConvolution(Convolution):
    """The same by Winograd's F(4x4, 3x3), float32; the size is a multiple of 4."""

    taps = 36

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.kernel = nn.Buffer(winograd_kernel(weight), persistent=False)

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        kernel = self.kernel if scale is None else self.kernel * scale.T
        x = winograd_convolution(x, kernel)
        return x if bias is None else x.add_(bias[:, None, None])


class UpConvolution(Convolution):
    """Transposed convolution of stride 2 without padding, then the 4x4 FIR outer([1, 3, 3, 1]) / 16, padding 1.

    Each parity of row and column of the transposed convolution's output is a small convolution of the input: even
    places see the kernel's outer taps, odd places the middle one. The four are interleaved, then filtered.
    """

    ee: Tensor
    eo: Tensor
    oe: Tensor
    oo: Tensor

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        even, odd = [2, 0], [1]
        for name, rows, columns in (
            ("ee", even, even),
            ("eo", even, odd),
            ("oe", odd, even),
            ("oo", odd, odd),
        ):
            kernel = _channels_last(weight[:, :, rows][:, :, :, columns], dtype)
            self.register_buffer(name, kernel, persistent=False)
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=dtype, device=weight.device)
        fir = (torch.outer(taps, taps) / 16).expand(len(weight), 1, 4, 4).contiguous()
        self.fir = nn.Buffer(fir, persistent=False)

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        samples, _, height, width = x.shape
        grid = x.new_empty(samples, 2 * height + 1, 2 * width + 1, len(self.fir)).permute(0, 3, 1, 2)
        grid[:, :, 0::2, 0::2] = F.conv2d(x, _scaled(self.ee, scale), padding=1)
        grid[:, :, 0::2, 1::2] = F.conv2d(x, _scaled(self.eo, scale), padding=(1, 0))
        grid[:, :, 1::2, 0::2] = F.conv2d(x, _scaled(self.oe, scale), padding=(0, 1))
        grid[:, :, 1::2, 1::2] = F.conv2d(x, _scaled(self.oo, scale))
        return F.conv2d(grid, self.fir, bias, padding=1, groups=len(self.fir))


class NativeConvolution(Convolution):
    """Winograd's form in C++, float32 on a CPU; with ``up``, the FIR is folded into a kernel for each parity."""

    taps = 0  # scaling the kernel always pays: the activation comes with it

    def __init__(self, weight: Tensor, native: NativeWinograd, *, up: bool) -> None:
        super().__init__()
        self.native, self.up, self.outputs = native, 2 if up else 1, len(weight)
        self.kernel = nn.Buffer(winograd_kernel(folded_up_kernel(weight) if up else weight), persistent=False)

    def _scaled(self, scale: Tensor | None) -> Tensor:
        return self.kernel if scale is None else self.kernel * scale.T.repeat(1, self.up**2)

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        kernel, size = self._scaled(scale), (self.up * x.shape[2], self.up * x.shape[3])
        noise, bias = x.new_zeros(size), x.new_zeros(self.outputs) if bias is None else bias
        return torch.cat([self.native(each[None], kernel, noise, bias, up=self.up, slope=1.0) for each in x])

    def forward(self, x: Tensor, scale: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
        return self.native(x, self._scaled(scale), noise, bias, up=self.up, slope=0.2)


def folded_up_kernel(weight: Tensor) -> Tensor:
    """The up-convolution with a weight [O, I, 3, 3], FIR included, as a 3x3 kernel [4 O, I, 3, 3] for each parity.

    Place 2j + p of the transposed convolution's filtered output is sum_d sum_k fir[k + 1 - p + 2d] w[k] x[j + d], along
    either axis; the parity (row, column) is the outer channel.
    """
    fir = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=torch.float64) / 4
    fold = torch.zeros(2, 3, 3, dtype=torch.float64)
    for parity in range(2):
        for place in range(3):
            for tap in range(3):
                at = tap + 1 - parity + 2 * (place - 1)
                fold[parity, place, tap] = fir[at] if 0 <= at < 4 else 0.0
    folded = torch.einsum("pyk,qxl,oikl->pqoiyx", fold, fold, weight.double().cpu())
    return folded.reshape(4 * len(weight), *weight.shape[1:])


def upsample_image(image: Tensor) -> Tensor:
    """Twice the size [N, C, 2H, 2W]: zeros inserted, padding (2, 1), the FIR outer([1, 3, 3, 1]) / 16.

    The FIR's taps for the two parities, (1, 3) / 4 and (3, 1) / 4, are those of bilinear interpolation; the zero frame
    makes the border the FIR's.
    """
    framed = F.pad(image, (1, 1, 1, 1))
    return F.interpolate(framed, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]


def _channels_last(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)


def _scaled(kernel: Tensor, scale: Tensor | None) -> Tensor:
    return kernel if scale is None else (kernel * scale[:, :, None, None]).to(kernel.dtype)
