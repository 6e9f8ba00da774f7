"""The C++ beside this file: built once for this machine, found again by every later process."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ffhq_uv.kernel import built
from ffhq_uv.networks.direct import TOGETHER, Products, direct_kernel
from ffhq_uv.networks.winograd import Size, winograd_kernel

FOLDER = Path(__file__).parent
SOURCES = [FOLDER / "winograd.cpp", FOLDER / "direct.cpp", FOLDER / "rgb.cpp"]
LARGEST_GROUP = 256
"""Output channels that one call computes: between transforming the input again and too little for every thread."""

CACHE = 32 << 20
"""Bytes of an output above which it is not kept in the processor's caches for its reader."""

STRIP = 4
"""Rows of tiles that are drawn at once: they stay in the cache."""

POINTERS = ("x", "styles", "kernel", "norms", "noise", "bias", "slopes", "around", "added", "out")


class _Layer(ctypes.Structure):
    """The same as in `winograd.cpp`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_long) for name in ("samples", "height", "width", "inputs", "outputs")),
        ("clamp", ctypes.c_float),
        ("large", ctypes.c_bool),
    )


class _Convolution(ctypes.Structure):
    """The same as in `direct.cpp`."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("x", "kernel", "bias", "slopes", "around", "added", "out")),
        *((name, ctypes.c_long) for name in ("height", "width", "inputs", "apart", "outputs", "side", "step")),
    )


class Drawing:
    """Weights float32 [N, 3, I] and bias [3] of features, clamped, added to the image [N, 3, H/2, W/2], enlarged."""

    def __init__(self, weights: Tensor, bias: Tensor, smaller: Tensor, clamp: float | None) -> None:
        self._weights, self._bias = weights.contiguous(), bias.contiguous()
        self._smaller = smaller.contiguous(memory_format=torch.channels_last)
        self.bound = math.inf if clamp is None else clamp

    def pointers(self, sample: int) -> list[int]:
        """To the weights, the bias and the smaller image of one sample."""
        return [each.data_ptr() for each in (self._weights[sample], self._bias, self._smaller[sample])]


class Native:
    """The built library. It uses as many threads as torch does, and their number changes no bit.

    Raises RuntimeError without a C++ compiler, or where the build computes something else than torch.

    panel       channels of an output must be a multiple of it, of an input of half of it
    bfloat16    whether this processor multiplies bfloat16
    tiles       whether it multiplies tiles of them, and the system lets it
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(str(_built()))
        self.panel: int = library.panel()
        self.bfloat16 = bool(library.multiplies_bfloat16())
        self.tiles: bool = bool(library.multiplies_tiles())
        self._convolve, self._to_rgb, self._directly = library.convolve, library.to_rgb, library.convolve_directly
        self._convolve.argtypes = [ctypes.POINTER(_Layer), ctypes.c_long, ctypes.c_bool, *[ctypes.c_long] * 4]
        self._to_rgb.argtypes = [*[ctypes.c_void_p] * 5, *[ctypes.c_long] * 3, ctypes.c_float, *[ctypes.c_long] * 2]
        self._directly.argtypes = [ctypes.POINTER(_Convolution), *[ctypes.c_long] * 5]
        self._check()

    def convolve(
        self,
        x: Tensor,
        kernel: Tensor,
        bias: Tensor,
        *,
        slopes: Tensor,
        styles: Tensor | None = None,
        norms: Tensor | None = None,
        noise: Tensor | None = None,
        around: Tensor | None = None,
        added: Tensor | None = None,
        size: Size = Size.SAME,
        clamp: float | None = None,
        drawing: Drawing | None = None,
    ) -> Tensor:
        """A layer: scale the inputs, convolve, scale the outputs, add noise, bias and more, leaky ReLU, clamp.

        x           float32 [N, I, H, W], channels last in memory
        kernel      `winograd_kernel`, float32 or bfloat16: what is multiplied; the rest is float32
        bias        float32 [O]
        slopes      float32 [O], below zero; 1 for no ReLU
        styles      float32 [N, I]; None: 1
        norms       float32 [N, O]; None: 1
        noise       float32 [H, W], of the size of what is returned; None: 0
        around      float32 [I], what lies outside of x; None: 0
        added       float32 like what is returned; None: 0
        drawing     what `to_rgb` draws of the result, of the same size, which is then returned in its place

        Returns float32 [N, O, H, W], or of twice or half the size (rounded up), channels last in memory.
        """
        samples, inputs, height, width = x.shape
        outputs = len(bias)
        x = x.contiguous(memory_format=torch.channels_last)
        styles = x.new_ones(samples, inputs) if styles is None else styles.contiguous()
        norms = x.new_ones(samples, outputs) if norms is None else norms.contiguous()
        around = x.new_zeros(inputs) if around is None else around.contiguous()
        added = None if added is None else added.contiguous(memory_format=torch.channels_last)
        bias, slopes, bound = bias.contiguous(), slopes.contiguous(), math.inf if clamp is None else clamp
        up, step, kind = size is Size.UP, 2 if size is Size.DOWN else 1, (size, kernel.dtype == torch.bfloat16)
        tall, wide = ((1 + up) * -(-side // step) for side in (height, width))
        channels = 3 if drawing else outputs
        out = x.new_empty(samples, tall, wide, channels).permute(0, 3, 1, 2)
        large = not drawing and out[0].nbytes > CACHE
        noise = x.new_zeros(tall, wide) if noise is None else noise.contiguous()
        rows = height // 5 + 1 if up else math.ceil(height / 4)  # of tiles
        group = min(outputs, LARGEST_GROUP)
        groups = range(0, outputs, group)
        parts = math.ceil(torch.get_num_threads() / len(groups))
        together = 1 if up or drawing else samples  # enlarged, every row of tiles looks back
        for first in range(0, samples, together):
            plus = None if added is None else added[first]
            tensors = (x[first], styles[first], kernel, norms[first], noise, bias, slopes, around, plus, out[first])
            pointers = [None if each is None else each.data_ptr() for each in tensors]
            layer = _Layer(*pointers, together, height, width, inputs, outputs, bound, large)
            spans = _spans(together * rows, parts)
            if drawing:
                _in_threads(partial(self._draw, layer, kind, drawing, first, out[first].data_ptr()), spans)
                continue
            _in_threads(
                partial(self._convolve, layer, *kind),
                [(*span, channel, min(channel + group, outputs)) for channel in groups for span in spans],
            )
        return out

    def _draw(
        self, layer: _Layer, kind: tuple[Size, bool], drawing: Drawing, sample: int, out: int, first: int, last: int
    ) -> None:
        """What `convolve` gives of some rows of tiles, drawn while it is in the cache."""
        rows = torch.empty(4 * STRIP, layer.width, layer.outputs)
        layer = _Layer.from_buffer_copy(layer)  # that of this thread
        sizes = (layer.height, layer.width, layer.outputs, drawing.bound)
        for row in range(first, last, STRIP):
            end = min(row + STRIP, last)
            layer.out = rows.data_ptr() - 4 * row * rows[0].nbytes  # where row 0 would be
            self._convolve(layer, *kind, row, end, 0, layer.outputs)
            span = (4 * row, min(4 * end, layer.height))
            self._to_rgb(layer.out, *drawing.pointers(sample), out, *sizes, *span)

    def convolve_directly(
        self,
        x: Tensor,
        kernel: Tensor,
        products: Products,
        bias: Tensor,
        *,
        step: int,
        slopes: Tensor,
        around: Tensor | None = None,
        added: Tensor | None = None,
    ) -> Tensor:
        """A convolution, bias, what is added, leaky ReLU; as a matrix product.

        x           float32 [N, I, H, W], channels last in memory, or some of the channels of such
        kernel      `direct_kernel` of 3 x 3 taps, around which the input is continued, or of one
        products    those of the kernel
        bias        float32 [O]
        step        1 or 2: pixels from output to output
        slopes      float32 [O], below zero; 1 for no ReLU
        around      float32 [I], what lies outside of x; None: 0
        added       float32 [N, O, H / step, W / step]; None: 0

        Returns float32 [N, O, H / step, W / step] (rounded up), channels last in memory.
        """
        side, outputs, (samples, inputs, height, width) = kernel.shape[2], len(bias), x.shape
        rows, columns = (height - 1) // step + 1, (width - 1) // step + 1
        out = torch.empty(samples, rows, columns, outputs).permute(0, 3, 1, 2)
        added = None if added is None else added.contiguous(memory_format=torch.channels_last)
        around = x.new_zeros(inputs) if around is None else around.contiguous()
        bias, slopes = bias.contiguous(), slopes.contiguous()
        if side == 1:  # a pixel sees itself alone: those of all samples, after each other, are one image
            x = x[:, :, ::step, ::step].permute(0, 2, 3, 1).reshape(1, -1, 1, inputs).permute(0, 3, 1, 2)
            samples, rows, height, width, step = 1, x.shape[2], x.shape[2], 1, 1
        if x.stride(1) != 1 or x.stride(2) != width * x.stride(3):
            x = x.contiguous(memory_format=torch.channels_last)
        apart = x.stride(3) if width > 1 else x.stride(2)  # the other may be anything
        by_rows = rows >= 8 * torch.get_num_threads()
        spans = _spans(rows if by_rows else outputs // self.panel, torch.get_num_threads())
        parts = [(*span, 0, outputs) if by_rows else (0, rows, *(self.panel * end for end in span)) for span in spans]
        for sample in range(samples):
            plus = None if added is None else added[sample]
            tensors = (x[sample], kernel, bias, slopes, around, plus, out[sample])
            sizes = (height, width, inputs, apart, outputs, side, step)
            layer = _Convolution(*(None if each is None else each.data_ptr() for each in tensors), *sizes)
            _in_threads(partial(self._directly, layer, products), parts)
        return out

    def to_rgb(self, x: Tensor, drawing: Drawing) -> Tensor:
        """The image float32 [N, 3, H, W] of features float32 [N, I, H, W]; both have their channels last in memory."""
        samples, inputs, height, width = x.shape
        x = x.contiguous(memory_format=torch.channels_last)
        out = torch.empty(samples, height, width, 3).permute(0, 3, 1, 2)
        for sample in range(samples):
            pointers = (x[sample].data_ptr(), *drawing.pointers(sample), out[sample].data_ptr())
            sizes = (height, width, inputs, drawing.bound)
            _in_threads(partial(self._to_rgb, *pointers, *sizes), _spans(height, torch.get_num_threads()))
        return out

    def _check(self) -> None:
        generator = torch.Generator().manual_seed(0)
        x, weight = (torch.randn(1, self.panel, *size, generator=generator) for size in ((7, 70), (self.panel, 3, 3)))
        weight, ones, noise = weight[0], torch.ones(self.panel), torch.randn(7, 70, generator=generator)
        kernel = winograd_kernel(weight, torch.float32, self.panel)
        result = self.convolve(x, kernel, ones, slopes=0.2 * ones, noise=noise)
        expected = F.leaky_relu(F.conv2d(x, weight, ones, padding=1) + noise, 0.2)
        if not torch.allclose(result, expected, atol=1e-3):
            raise RuntimeError(f"{SOURCES[0].name} computes something else here than torch; set compile: false")
        if not self._multiplies(Products.FLOAT32, 1e-3):
            raise RuntimeError(f"{SOURCES[1].name} computes something else here than torch; set compile: false")
        self.tiles = self.tiles and self._multiplies(Products.SPLIT_TILES, 1e-3)

    def _multiplies(self, products: Products, error: float) -> bool:
        """Whether `convolve_directly` computes what torch does."""
        generator = torch.Generator().manual_seed(0)
        x, weight = (torch.randn(size, generator=generator) for size in ((1, TOGETHER, 9, 7), (32, TOGETHER, 3, 3)))
        bias, slopes = torch.randn(32, generator=generator), torch.full((32,), 0.2)
        kernel = direct_kernel(weight, products, self.panel)
        result = self.convolve_directly(x, kernel, products, bias, step=2, slopes=slopes)
        return torch.allclose(result, F.leaky_relu(F.conv2d(x, weight, bias, 2, 1), 0.2), atol=error)


@functools.cache
def native() -> Native:
    """The library, built or found (two seconds, once for a machine). Raises RuntimeError without a compiler."""
    return Native()


def _spans(rows: int, parts: int) -> list[tuple[int, int]]:
    """(first, last) of parts of about the same size."""
    edges = [rows * part // parts for part in range(parts + 1)]
    return [(first, last) for first, last in pairwise(edges) if first < last]


def _in_threads(function: Callable[..., None], parts: Sequence[tuple[int, ...]]) -> None:
    if len(parts) == 1:
        function(*parts[0])
        return
    list(_threads(torch.get_num_threads()).map(lambda part: function(*part), parts))


@functools.cache
def _threads(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "winograd")


def _built() -> Path:
    return built(SOURCES, [FOLDER / name for name in ("multiply.h", "tiles.h", "vector.h")], "; set compile: false")
