"""The e4e encoder made quick: the same numbers (to rounding) as `e4e_network`, from the same weights.

- Features lie channels last, so a 1 x 1 convolution is a matrix product and the channels of a place are neighbours.
- A normalisation is part of the weights of the convolution before or after it.
- The 3 x 3 convolutions of the body go Winograd's way (`ffhq_uv.networks.winograd`); those that halve or see small
  images, and the heads', are matrix products, of tiles where the processor has them (`ffhq_uv.networks.direct`).
- The heads of a level look at the same features: their first convolution is one for all of them. Nine tenths of the
  weights are theirs; they are stored in the order in which the product reads them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffhq_uv.inversion.e4e_network import (
    LATE,
    LEVELS,
    MIDDLE,
    SLOPE,
    WIDTH,
    Block,
    Encoder4Editing,
    Head,
    enlarged,
    shared_and_own,
)
from ffhq_uv.networks.direct import Products
from ffhq_uv.networks.layers import Direct, Winograd, suits, suits_direct
from ffhq_uv.networks.native import Native

WINOGRAD = 256
"""Input channels up to which Winograd's way pays: more of them come with images of 16 x 16."""
TILED = 32
"""Side of a head's features from which on tiles pay: smaller ones are bound by reading the weights, and their rounding
counts as much."""
LARGE = 64
"""The same for Winograd's way, whose kernels take twice the memory."""
LEAST_SCALE = 1e-6
"""Of a normalisation that is part of a convolution's weights: a smaller factor is taken as this."""


class FoldedEncoder(nn.Module):
    """Computes what `Encoder4Editing` does, of whose weights it is made; that network is used up by it.

    library    the C++ for a network on a CPU; None: torch's own layers
    """

    def __init__(self, network: Encoder4Editing, library: Native | None) -> None:
        super().__init__()
        conv, norm, slope = _layers(network.input_layer)
        self._stem = nn.ParameterList(_frozen(*_folded(conv, norm), slope.weight))
        self._lateral1, self._lateral2 = (
            _convolution(library, *_layers(layer.parameters())) for layer in (network.latlayer1, network.latlayer2)
        )
        self._heads = nn.ModuleList()
        for number, level in enumerate(LEVELS):
            self._heads.append(FoldedHeads(list(_taken(network.styles, level)), 16 << number, library))
        self._blocks = nn.ModuleList()
        for block in _taken(network.body, range(len(network.body))):
            self._blocks.append(FoldedBlock(block, library))

    def forward(self, faces: Tensor) -> Tensor:
        """Codes [B, 18, 512], without the average latent, of faces [B, 3, 256, 256] (RGB, -1..1)."""
        weight, bias, slope = self._stem
        x = faces.contiguous(memory_format=torch.channels_last)
        x = functional.prelu(functional.conv2d(x, weight, bias, padding=1), slope)
        kept = {}
        for number, block in enumerate(self._blocks):
            x = block(x)
            if number in (MIDDLE, LATE):
                kept[number] = x
        p2 = enlarged(x) + self._lateral1(kept[LATE])
        p1 = enlarged(p2) + self._lateral2(kept[MIDDLE])
        levels = zip(self._heads, (x, p2, p1), strict=True)
        return shared_and_own(torch.cat([heads(features) for heads, features in levels], 1))


class FoldedBlock(nn.Module):
    """A `Block` without normalisations of its own."""

    def __init__(self, block: Block, library: Native | None) -> None:
        super().__init__()
        before, first, slope, second, after, excite = _layers(block.res_layer)
        self._first = _normalised(library, before, first, slope)
        self._second = _convolution(library, *_folded(second, after), block.stride)
        self._stride = block.stride
        self._excite = nn.ParameterList(_frozen(excite.fc1.weight.flatten(1), excite.fc2.weight.flatten(1)))
        self._shortcut = (
            None
            if block.shortcut_layer is None
            else _convolution(library, *_folded(*_layers(block.shortcut_layer)), block.stride)
        )

    def forward(self, x: Tensor) -> Tensor:
        """As `Block.forward`."""
        narrow, wide = self._excite
        y = self._second(self._first(x))
        gate = (_means(y) @ narrow.T).relu() @ wide.T
        shortcut = x[:, :, :: self._stride, :: self._stride] if self._shortcut is None else self._shortcut(x)
        return torch.addcmul(shortcut, y, gate.sigmoid()[:, :, None, None])


class FoldedHeads(nn.Module):
    """The heads of one level of the pyramid, whose features have ``side`` x ``side`` places, all at once.

    Between the steps the features of all heads stand beside each other: [B, heads · 512, S, S], channels last.
    """

    def __init__(self, heads: Sequence[Head], side: int, library: Native | None) -> None:
        super().__init__()
        self._count = len(heads)
        steps: list[nn.Module] = []
        for number in range(0, len(heads[0].convs), 2):
            convs = [next(_taken(head.convs, [number])) for head in heads]
            steps.append(_step(convs, side, library, common=number == 0))
            side //= 2
        self._steps = nn.Sequential(*steps)
        weight, bias = _stacked([(head.linear.weight / math.sqrt(WIDTH), head.linear.bias) for head in heads])
        self._linear = nn.ParameterList(_frozen(weight, bias[:, None]))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [B, heads, 512] of features [B, 512, S, S]."""
        y = self._steps(x).reshape(len(x), self._count, WIDTH).transpose(0, 1)
        weight, bias = self._linear
        return torch.baddbmm(bias, y, weight.transpose(1, 2)).transpose(0, 1)


class Own(nn.Module):
    """A later convolution of every head, of its own features."""

    def __init__(self, convs: Sequence[nn.Module]) -> None:
        super().__init__()
        self._convs = nn.ModuleList(convs)

    def forward(self, x: Tensor) -> Tensor:
        """Features of all heads to such of half the size."""
        return torch.cat([conv(part) for conv, part in zip(self._convs, x.chunk(len(self._convs), 1), strict=True)], 1)


def _step(convs: Sequence[nn.Conv2d], side: int, library: Native | None, *, common: bool) -> nn.Module:
    """One convolution of all heads, of features of ``side`` x ``side`` places: common to all or each its own."""
    if common:
        return _halving(library, side, torch.cat([conv.weight for conv in convs]), torch.cat(list(map(_bias, convs))))
    return Own([_halving(library, side, conv.weight, _bias(conv)) for conv in convs])


class Normalised(nn.Module):
    """A normalisation, a 3 x 3 convolution and its PReLU, as they are."""

    def __init__(self, scale: Tensor, shift: Tensor, weight: Tensor, slope: Tensor) -> None:
        super().__init__()
        self._before = nn.ParameterList(_frozen(scale[:, None, None], shift[:, None, None]))
        self._conv = nn.ParameterList(_frozen(weight, slope))

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, outputs, H, W]."""
        (scale, shift), (weight, slope) = self._before, self._conv
        return functional.prelu(functional.conv2d(torch.addcmul(shift, x, scale), weight, padding=1), slope)


def _normalised(
    library: Native | None, norm: nn.BatchNorm2d, conv: nn.Conv2d, activation: nn.PReLU
) -> Normalised | Winograd | Direct:
    """A normalisation, a convolution and its PReLU, by Winograd's way where that pays, or by tiles.

    The normalisation is then part of the weights, too: x · scale + shift, zero outside, is (x + shift / scale) · scale
    with -shift / scale outside of x.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / (variance + norm.eps).sqrt()
    shift = norm.bias - mean * scale
    if library is None or not suits_direct(conv):
        return Normalised(scale, shift, conv.weight, activation.weight)
    scale = torch.where(scale.abs() < LEAST_SCALE, LEAST_SCALE, scale)
    bias = (conv.weight.sum((2, 3)) * shift).sum(1)
    return _quick(library, conv, conv.weight * scale[:, None, None], bias, activation.weight, -shift / scale)


def _convolution(library: Native | None, weight: Tensor, bias: Tensor, stride: int = 1) -> nn.Module:
    """A convolution that sees zeros outside."""
    outputs, inputs, side, _ = weight.shape
    with torch.device("meta"):
        conv = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2)
    if library is not None and suits_direct(conv):
        return _quick(library, conv, weight, bias)
    conv.weight, conv.bias = _frozen(weight.contiguous(memory_format=torch.channels_last), bias)
    return conv


def _quick(
    library: Native,
    conv: nn.Conv2d,
    weight: Tensor,
    bias: Tensor,
    slopes: Tensor | None = None,
    around: Tensor | None = None,
) -> Winograd | Direct:
    """A convolution of the body that is like ``conv``, by Winograd's way where that pays.

    Tiles are no faster there; and the few convolutions that halve, whose rounding all later blocks carry on, stay in
    full float32.
    """
    (step, _), serves = conv.stride, suits(conv, library)
    if serves and conv.in_channels <= WINOGRAD:
        return Winograd(library, weight, bias, slopes, around, step=step)
    products = Products.SPLIT_TILES if library.tiles and serves and step == 1 else Products.FLOAT32
    return Direct(library, weight, bias, slopes, around, step=step, products=products)


def _taken(layers: nn.ModuleList | nn.Sequential, places: Iterable[int]) -> Iterator[Any]:
    """These layers, one by one, out of their network: a gigabyte is not held twice."""
    for place in places:
        layer = layers[place]
        layers[place] = nn.Identity()
        yield layer


def _halving(library: Native | None, side: int, weight: Tensor, bias: Tensor) -> nn.Module:
    """A convolution of heads, of features of ``side`` x ``side`` places, and its leaky ReLU."""
    if library is None:
        return nn.Sequential(_convolution(None, weight, bias, stride=2), nn.LeakyReLU(SLOPE))
    slope = torch.tensor(SLOPE)
    if library.tiles and side >= TILED:
        return Direct(library, weight, bias, slope, step=2, products=Products.SPLIT_TILES)
    if side >= LARGE:
        return Winograd(library, weight, bias, slope, step=2)
    return Direct(library, weight, bias, slope, step=2)


def _means(x: Tensor) -> Tensor:
    """Channel means [B, C] of features [B, C, H, W] that lie channels last; a product, quicker than a sum over them."""
    places = x.permute(0, 2, 3, 1).flatten(1, 2)
    return (places.new_full((1, places.shape[1]), 1 / places.shape[1]) @ places)[:, 0]


def _layers(layers: Iterable[object]) -> list[Any]:
    """The parts of a network in their order, each of the class that its place there says."""
    return list(layers)


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the normalisation that follows it."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / (variance + norm.eps).sqrt()
    weight = (conv.weight * scale[:, None, None, None]).contiguous(memory_format=torch.channels_last)
    return weight, norm.bias - mean * scale


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None  # the heads and the pyramid have one
    return conv.bias


def _stacked(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    weights, biases = zip(*pairs, strict=True)
    return torch.stack(weights), torch.stack(biases)


def _frozen(*tensors: Tensor) -> list[nn.Parameter]:
    return [nn.Parameter(tensor.detach(), requires_grad=False) for tensor in tensors]
