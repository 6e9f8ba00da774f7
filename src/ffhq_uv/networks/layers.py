"""Layers of published networks in a form that computes faster: folded normalisations, Winograd's convolutions."""

from __future__ import annotations

from itertools import pairwise
from subprocess import SubprocessError
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from ffhq_uv.networks.native import Native, native
from ffhq_uv.networks.winograd import winograd_kernel

Network = TypeVar("Network", bound=nn.Module)


class Winograd(nn.Module):
    """A 3 x 3 convolution of stride 1 by Winograd's way in C++, and the ReLU after it; float32 on a CPU.

    bias     [outputs]; None: 0
    slopes   [outputs] of a leaky ReLU; None: there is none
    around   [inputs], what lies outside of the features; None: 0
    """

    def __init__(
        self,
        library: Native,
        weight: Tensor,
        bias: Tensor | None = None,
        slopes: Tensor | None = None,
        around: Tensor | None = None,
    ) -> None:
        super().__init__()
        outputs = len(weight)
        self._library = library
        self._around = around
        self.kernel = nn.Buffer(winograd_kernel(weight, torch.float32, library.panel, up=False))
        self.bias = nn.Buffer(torch.zeros(outputs) if bias is None else bias.detach())
        self.slopes = nn.Buffer(torch.ones(outputs) if slopes is None else slopes.detach().expand(outputs).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Features float32 [B, inputs, H, W] to [B, outputs, H, W], channels last in memory."""
        return self._library.convolve(x, self.kernel, self.bias, slopes=self.slopes, around=self._around)


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


def quickened(network: Network, device: torch.device, channels: int) -> Network:
    """The network, in float32, on its device; on a CPU with its 3 x 3 convolutions of stride 1 by Winograd's way.

    A ReLU that stands after such a convolution among its children, with nothing but what `folded` left between, goes
    into it; only for networks that run them in that order, and each once. That is twice as fast, and outputs move by
    some 1e-5.

    channels    up to which it is done: those of more see small images, where reading Winograd's kernels costs more
                than it saves

    No layer is changed where C++ cannot be built.
    """
    library = available() if device.type == "cpu" else None
    if library is None:
        return network.to(device)
    for module in list(network.modules()):
        following = {name: after for (name, _), after in _neighbours(module, nn.Identity)}
        for name, conv in list(module.named_children()):
            if isinstance(conv, nn.Conv2d) and suits(conv, library) and max(conv.weight.shape) <= channels:
                after, activation = following.get(name, ("", None))
                slopes = _slopes(activation)
                setattr(module, name, Winograd(library, conv.weight, conv.bias, slopes))
                if slopes is not None:
                    setattr(module, after, nn.Identity())
    return network.to(device)


def available() -> Native | None:
    """The C++ library; None where it cannot be built."""
    try:
        return native()
    except (OSError, RuntimeError, SubprocessError):
        return None


def suits(conv: nn.Conv2d, library: Native) -> bool:
    """Whether a convolution can be computed by `Winograd`."""
    same = conv.kernel_size == (3, 3) and conv.padding == conv.stride == conv.dilation == (1, 1) and conv.groups == 1
    return same and conv.out_channels % library.panel == conv.in_channels % library.panel == 0


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
