"""The modulated 3x3 convolutions of StyleGAN2, laid out for speed: what is convolved is the same, how is not.

All of them take, and return, [N, channels, H, W] with the channels last in memory:

x           the input [N, I, H, W]
styles      factors of the input channels [N, I]
norms       factors of the output channels [N, O]
bias        [O]
noise       [H, W] of the output

and end with a leaky ReLU of slope 0.2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ffhq_uv.networks.native import Drawing, Native
from ffhq_uv.networks.winograd import Size, winograd_kernel


def convolution(
    weight: Tensor, size: int, *, up: bool, dtype: torch.dtype, clamp: float | None, native: Native | None
) -> TorchConvolution | WinogradConvolution:
    """The fastest form of a convolution with the checkpoint's weight [O, I, 3, 3] and outputs of size x size.

    Winograd's, in C++, pays from 8 up, where the input is enlarged from 32 up: on smaller images reading its kernels
    costs more than it saves.
    """
    outputs, inputs = weight.shape[:2]
    if native and size >= (32 if up else 8) and outputs % native.panel == inputs % native.panel == 0:
        return WinogradConvolution(weight, dtype, clamp, native, up=up)
    form = UpConvolution if up else SameConvolution
    return form(weight, torch.float32 if native else dtype, clamp)


class TorchConvolution(nn.Module, ABC):
    """The part that two forms share: what is scaled is the smaller, the input or the kernel."""

    def __init__(self, outputs: int, clamp: float | None) -> None:
        super().__init__()
        self.outputs, self.clamp = outputs, clamp

    @abstractmethod
    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """scale [O, I] multiplies the kernel, bias [O] is added; neither if None."""

    def forward(self, x: Tensor, styles: Tensor, norms: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
        if len(x) == 1 and 9 * self.outputs < x.shape[2] * x.shape[3]:
            x = self.convolve(x, norms.T * styles, bias)
        else:
            peak = styles.abs().amax(1, keepdim=True)  # cancels; keeps half precision in its range
            x = self.convolve(x * _per_channel(styles / peak, x))
            x = x.mul_(_per_channel(norms * peak, x)).add_(_per_channel(bias, x))
        x = F.leaky_relu_(x.add_(noise), 0.2)
        return x if self.clamp is None else x.clamp_(-self.clamp, self.clamp)


class SameConvolution(TorchConvolution):
    """Correlation with a 3x3 kernel, zeros around."""

    def __init__(self, weight: Tensor, dtype: torch.dtype, clamp: float | None = None) -> None:
        super().__init__(len(weight), clamp)
        self.kernel = nn.Buffer(_channels_last(weight, dtype), persistent=False)

    def convolve(self, x: Tensor, scale: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        return F.conv2d(x, _scaled(self.kernel, scale), bias, padding=1)


class UpConvolution(TorchConvolution):
    """Transposed convolution of stride 2 without padding, then the 4x4 FIR outer([1, 3, 3, 1]) / 16, padding 1.

    Each parity of row and column of the transposed convolution's output is a small convolution of the input: even
    places see the kernel's outer taps, odd places the middle one. The four are interleaved, then filtered.
    """

    ee: Tensor
    eo: Tensor
    oe: Tensor
    oo: Tensor

    def __init__(self, weight: Tensor, dtype: torch.dtype, clamp: float | None = None) -> None:
        super().__init__(len(weight), clamp)
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


class WinogradConvolution(nn.Module):
    """Either of them in C++, float32 on a CPU; a ``dtype`` of bfloat16 is that of the numbers multiplied."""

    def __init__(self, weight: Tensor, dtype: torch.dtype, clamp: float | None, native: Native, *, up: bool) -> None:
        super().__init__()
        self.clamp, self.native, self.size = clamp, native, Size.UP if up else Size.SAME
        self.kernel = nn.Buffer(winograd_kernel(weight, dtype, native.panel, self.size), persistent=False)
        self.slopes = nn.Buffer(torch.full((len(weight),), 0.2), persistent=False)

    def forward(
        self, x: Tensor, styles: Tensor, norms: Tensor, bias: Tensor, noise: Tensor, drawing: Drawing | None = None
    ) -> Tensor:
        """With a drawing, it is returned in place of the features."""
        scales = {"styles": styles, "norms": norms, "noise": noise, "slopes": self.slopes}
        return self.native.convolve(x, self.kernel, bias, **scales, size=self.size, clamp=self.clamp, drawing=drawing)


def upsample_image(image: Tensor) -> Tensor:
    """Twice the size [N, C, 2H, 2W]: zeros inserted, padding (2, 1), the FIR outer([1, 3, 3, 1]) / 16.

    The FIR's taps for the two parities, (1, 3) / 4 and (3, 1) / 4, are those of bilinear interpolation; the zero frame
    makes the border the FIR's.
    """
    framed = F.pad(image, (1, 1, 1, 1))
    return F.interpolate(framed, scale_factor=2, mode="bilinear", align_corners=False)[:, :, 2:-2, 2:-2]


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.dtype)[..., :, None, None]


def _channels_last(weight: Tensor, dtype: torch.dtype) -> Tensor:
    return weight.detach().to(dtype).contiguous(memory_format=torch.channels_last)


def _scaled(kernel: Tensor, scale: Tensor | None) -> Tensor:
    return kernel if scale is None else (kernel * scale[:, :, None, None]).to(kernel.dtype)
