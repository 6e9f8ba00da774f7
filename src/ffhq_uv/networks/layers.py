"""Layers of published networks in a form that computes faster: folded normalisations, convolutions in C++."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from subprocess import SubprocessError
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from ffhq_uv.networks.direct import TOGETHER, Products, direct_kernel
from ffhq_uv.networks.native import Native, native
from ffhq_uv.networks.winograd import Size, winograd_kernel

Precision = Literal["float32", "bfloat16"]
Network = TypeVar("Network", bound=nn.Module)


class Quick(nn.Module):
    """A convolution in C++ on a CPU, of float32 features, and the ReLU after it.

    kernel    as the library reads it
    bias      [outputs]; None: 0
    slopes    [outputs] of a leaky ReLU; None: there is none
    around    [inputs], what lies outside of the features; None: 0
    """

    def __init__(
        self,
        library: Native,
        kernel: Tensor,
        outputs: int,
        bias: Tensor | None,
        slopes: Tensor | None,
        around: Tensor | None,
    ) -> None:
        super().__init__()
        self._library, self._around = library, around
        self.kernel = nn.Buffer(kernel)
        self.bias = nn.Buffer(torch.zeros(outputs) if bias is None else bias.detach())
        self.slopes = nn.Buffer(torch.ones(outputs) if slopes is None else slopes.detach().expand(outputs).contiguous())


class Winograd(Quick):
    """A 3 x 3 convolution of stride 1 or 2 by Winograd's way. ``precision`` is that of its products."""

    def __init__(
        self,
        library: Native,
        weight: Tensor,
        bias: Tensor | None = None,
        slopes: Tensor | None = None,
        around: Tensor | None = None,
        *,
        step: int = 1,
        precision: Precision = "float32",
    ) -> None:
        size = Size.SAME if step == 1 else Size.DOWN
        kernel = winograd_kernel(weight, getattr(torch, precision), library.panel, size)
        super().__init__(library, kernel, len(weight), bias, slopes, around)
        self._size = size

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Features float32 [B, inputs, H, W] to [B, outputs, H / stride, W / stride], channels last in memory.

        What is added has the shape of the result, and goes through the ReLU with it.
        """
        return self._library.convolve(
            x, self.kernel, self.bias, slopes=self.slopes, around=self._around, added=added, size=self._size
        )


class Direct(Quick):
    """A 3 x 3 or 1 x 1 convolution of stride 1 or 2 as a matrix product."""

    def __init__(
        self,
        library: Native,
        weight: Tensor,
        bias: Tensor | None = None,
        slopes: Tensor | None = None,
        around: Tensor | None = None,
        *,
        step: int = 1,
        products: Products = Products.FLOAT32,
    ) -> None:
        super().__init__(library, direct_kernel(weight, products, library.panel), len(weight), bias, slopes, around)
        self._step, self._products = step, products

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Features float32 [B, inputs, H, W] to [B, outputs, H / stride, W / stride]; for the rest see `Winograd`."""
        return self._library.convolve_directly(
            x,
            self.kernel,
            self._products,
            self.bias,
            step=self._step,
            slopes=self.slopes,
            around=self._around,
            added=added,
        )


class Residual(nn.Module):
    """A block that ends by adding to a normalised convolution, then a ReLU: of a quick convolution both are part.

    last    the names of that convolution and its normalisation
    """

    last: tuple[str, str]

    def ended(self, x: Tensor, added: Tensor) -> Tensor:
        """What the block ends with, of its last convolution's input and of what is added."""
        conv, norm = (getattr(self, name) for name in self.last)
        if isinstance(conv, Quick):
            return conv(x, added)  # type: ignore[no-any-return]
        return norm(conv(x)).add_(added).relu_()  # type: ignore[no-any-return]


def folded(network: Network) -> Network:
    """The network with every batch normalisation folded into the convolution that stands before it among its children.

    Only for networks that also run them in that order. Outputs move in the last bits.
    """
    for module in list(network.modules()):
        for (name, conv), (after, norm) in _neighbours(module):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(conv, norm).requires_grad_(False)
                setattr(module, name, fused.to(memory_format=torch.channels_last))  # type: ignore[call-overload]
                setattr(module, after, nn.Identity())
    return network


def quickened(
    network: Network,
    device: torch.device,
    channels: int,
    precision: Precision = "float32",
    *,
    careful: bool = False,
    exact: Sequence[str] = (),
) -> Network:
    """The network on its device; on a CPU with its convolutions in C++, by `Winograd` or else `Direct`.

    A ReLU that stands after such a convolution among its children, with nothing but what `folded` left between, goes
    into it, as what `Residual` ends with; only for networks that run them in that order, and each once, and that were
    folded. Outputs move by some 1e-5.

    channels     up to which Winograd's way is taken: convolutions of more see small images, where reading its kernels
                 costs more than it saves
    precision    of what is multiplied; where the processor multiplies bfloat16, all else is float32 with bfloat16, too.
                 Elsewhere the whole network is bfloat16. Its parameters' dtype is that of its inputs.
    careful      Winograd's way where it serves before tiles, which round twice as much, and 1 x 1 convolutions, where
                 few products average the rounding, not by tiles; float32 only
    exact        names of modules that multiply float32 whatever ``precision`` is, unless the whole network is bfloat16

    No layer is changed where C++ cannot be built.
    """
    library = available() if device.type == "cpu" else None
    if precision == "bfloat16" and (library is None or not library.bfloat16):
        return network.to(device, torch.bfloat16)
    if library is None:
        return network.to(device)
    careful = careful and precision == "float32"
    kept = {module for name in exact for module in network.get_submodule(name).modules()}
    for module in list(network.modules()):
        multiplied: Precision = "float32" if module in kept else precision
        following = {name: after for (name, _), after in _neighbours(module, nn.Identity)}
        for name, conv in list(module.named_children()):
            if not isinstance(conv, nn.Conv2d):
                continue
            after, activation = following.get(name, ("", None))
            inside = _slopes(activation)
            ends = isinstance(module, Residual) and name == module.last[0]
            slopes = torch.zeros(1) if ends else inside
            serves = suits(conv, library) and max(conv.weight.shape) <= channels
            quick: Quick
            if serves and (not library.tiles or (careful and conv.stride == (1, 1))):
                quick = Winograd(library, conv.weight, conv.bias, slopes, step=conv.stride[0], precision=multiplied)
            elif suits_direct(conv):
                products = _products(library, multiplied, tiles=not (careful and conv.kernel_size == (1, 1)))
                quick = Direct(library, conv.weight, conv.bias, slopes, step=conv.stride[0], products=products)
            else:
                continue
            setattr(module, name, quick)
            if inside is not None:
                setattr(module, after, nn.Identity())
    return network.to(device)


def _products(library: Native, precision: Precision, *, tiles: bool) -> Products:
    if library.tiles and tiles:
        return Products.SPLIT_TILES if precision == "float32" else Products.TILES
    return Products.FLOAT32 if precision == "float32" else Products.BFLOAT16


def available() -> Native | None:
    """The C++ library; None where it cannot be built."""
    try:
        return native()
    except (OSError, RuntimeError, SubprocessError):
        return None


def suits(conv: nn.Conv2d, library: Native) -> bool:
    """Whether a convolution can be computed by `Winograd`."""
    square = conv.kernel_size == (3, 3) and conv.padding == conv.dilation == (1, 1) and conv.groups == 1
    plain = square and conv.stride in ((1, 1), (2, 2))
    return plain and conv.out_channels % library.panel == conv.in_channels % library.panel == 0


def suits_direct(conv: nn.Conv2d) -> bool:
    """Whether a convolution can be computed by `Direct`."""
    square = conv.kernel_size in ((1, 1), (3, 3)) and conv.padding == (conv.kernel_size[0] // 2,) * 2
    plain = conv.stride in ((1, 1), (2, 2)) and conv.dilation == (1, 1) and conv.groups == 1
    return square and plain and conv.in_channels % TOGETHER == conv.out_channels % TOGETHER == 0


def _neighbours(
    module: nn.Module, *skipped: type[nn.Module]
) -> list[tuple[tuple[str, nn.Module], tuple[str, nn.Module]]]:
    """Each child of a module with the next one."""
    children = [child for child in module.named_children() if not isinstance(child[1], skipped)]
    return list(pairwise(children))


def _slopes(activation: nn.Module | None) -> Tensor | None:
    if isinstance(activation, nn.PReLU):
        return activation.weight
    return torch.zeros(1) if isinstance(activation, nn.ReLU) else None
