"""The e4e encoder made quick: the same numbers (to rounding) as `e4e_network`, from the same weights.

- Features lie channels last, so a 1 x 1 convolution is a matrix product and the channels of a place are neighbours.
- A normalisation is part of the weights of the convolution before or after it.
- The 3 x 3 convolutions of the body go Winograd's way (`ffhq_uv.networks.winograd`); those of small images, and of the
  heads, are products of tiles where the processor has them (`ffhq_uv.networks.tiles`).
- The heads of a level look at the same features: their first convolution is one for all of them. Without tiles it is a
  matrix product, and the others are a batch of products over the gathered 3 x 3 places. Nine tenths of the weights
  are theirs; they are stored
  in the order in which the product reads them, which a convolution would have to rearrange in every call.
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
from ffhq_uv.networks.layers import Tiles, Winograd, suits
from ffhq_uv.networks.native import Native

WINOGRAD = 256
"""Input channels up to which Winograd's way pays: more of them come with images of 16 x 16."""
TILED = 32
"""Side of a head's features from which on tiles pay: smaller ones are bound by reading the weights, and their rounding
counts as much."""
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


class Common(nn.Module):
    """The heads' first convolutions of the same features, and their leaky ReLU, as one matrix product."""

    def __init__(self, convs: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        weight, bias = _stacked([_as_matrix(conv) for conv in convs])
        self._weights = nn.ParameterList(_frozen(weight.flatten(0, 1), bias.flatten()))

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, 512, S, S] to those of all heads, of half the size."""
        weight, bias = self._weights
        y = torch.addmm(bias, _neighbours(x.permute(0, 2, 3, 1)).flatten(0, 1), weight.T)
        return functional.leaky_relu(y, SLOPE).reshape(len(x), x.shape[2] // 2, -1, len(bias)).permute(0, 3, 1, 2)


class Own(nn.Module):
    """A later convolution of every head, of its own features, and its leaky ReLU: a batch of matrix products."""

    def __init__(self, convs: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        weight, bias = _stacked([_as_matrix(conv) for conv in convs])
        self._weights = nn.ParameterList(_frozen(weight, bias[:, None]))

    def forward(self, x: Tensor) -> Tensor:
        """Features of all heads to such of half the size."""
        weight, bias = self._weights
        batch, side = len(x), x.shape[2] // 2
        own = x.reshape(batch, len(weight), WIDTH, *x.shape[2:]).permute(1, 0, 3, 4, 2)
        near = _neighbours(own.flatten(0, 1)).reshape(len(weight), -1, 9 * WIDTH)
        y = functional.leaky_relu(torch.baddbmm(bias, near, weight.transpose(1, 2)), SLOPE)
        return y.reshape(-1, batch, side, side, WIDTH).permute(1, 0, 4, 2, 3).flatten(1, 2)


class OwnTiles(nn.Module):
    """The same by products of tiles."""

    def __init__(self, library: Native, convs: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self._convs = nn.ModuleList(_halving(library, conv) for conv in convs)

    def forward(self, x: Tensor) -> Tensor:
        """As `Own.forward`."""
        return torch.cat([conv(part) for conv, part in zip(self._convs, x.chunk(len(self._convs), 1), strict=True)], 1)


def _step(convs: Sequence[nn.Conv2d], side: int, library: Native | None, *, common: bool) -> nn.Module:
    """One convolution of all heads, of features of ``side`` x ``side`` places: common to all or each its own."""
    if library is not None and library.tiles and side >= TILED:
        return _common_tiles(library, convs) if common else OwnTiles(library, convs)
    return Common(convs) if common else Own(convs)


def _common_tiles(library: Native, convs: Sequence[nn.Conv2d]) -> Tiles:
    """`Common` by products of tiles."""
    whole, *others = [_halving(library, conv) for conv in convs]
    for name in ("kernel", "bias", "slopes"):
        setattr(whole, name, torch.cat([getattr(each, name) for each in (whole, *others)]))
    return whole


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
) -> Normalised | Winograd | Tiles:
    """A normalisation, a convolution and its PReLU, by Winograd's way where that pays, or by tiles.

    The normalisation is then part of the weights, too: x · scale + shift, zero outside, is (x + shift / scale) · scale
    with -shift / scale outside of x.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / (variance + norm.eps).sqrt()
    shift = norm.bias - mean * scale
    form = _form(library, conv)
    if library is None or form is None:
        return Normalised(scale, shift, conv.weight, activation.weight)
    scale = torch.where(scale.abs() < LEAST_SCALE, LEAST_SCALE, scale)
    bias = (conv.weight.sum((2, 3)) * shift).sum(1)
    return form(library, conv.weight * scale[:, None, None], bias, activation.weight, -shift / scale)


def _convolution(library: Native | None, weight: Tensor, bias: Tensor, stride: int = 1) -> nn.Conv2d | Winograd | Tiles:
    """A convolution that sees zeros outside, by Winograd's way where that pays, or by tiles."""
    outputs, inputs, side, _ = weight.shape
    with torch.device("meta"):
        conv = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2)
    form = _form(library, conv)
    if library is not None and form is not None:
        return Winograd(library, weight, bias) if form is Winograd else Tiles(library, weight, bias)
    conv.weight, conv.bias = _frozen(weight.contiguous(memory_format=torch.channels_last), bias)
    return conv


def _form(library: Native | None, conv: nn.Conv2d) -> type[Winograd | Tiles] | None:
    """How a convolution of the body is computed; None: by torch.

    Tiles are no faster than Winograd's way where that pays; and the few convolutions that halve, whose rounding all
    later blocks carry on, stay in full float32.
    """
    if library is None or not suits(conv, library):
        return None
    if conv.in_channels <= WINOGRAD:
        return Winograd
    return Tiles if library.tiles else None


def _taken(layers: nn.ModuleList | nn.Sequential, places: Iterable[int]) -> Iterator[Any]:
    """These layers, one by one, out of their network: a gigabyte is not held twice."""
    for place in places:
        layer = layers[place]
        layers[place] = nn.Identity()
        yield layer


def _halving(library: Native, conv: nn.Conv2d) -> Tiles:
    """A convolution of a head and its leaky ReLU."""
    return Tiles(library, conv.weight, conv.bias, torch.tensor(SLOPE), step=2)


def _neighbours(x: Tensor) -> Tensor:
    """Of every second place of [N, S, S, C] the 3 x 3 places around it, zero outside: [N, S² / 4, 9 C]."""
    size = x.shape[1]
    padded = functional.pad(x, (0, 0, 1, 1, 1, 1))
    near = [padded[:, row : row + size : 2, column : column + size : 2] for row in range(3) for column in range(3)]
    return torch.cat(near, 3).flatten(1, 2)


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


def _as_matrix(conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weight [outputs, places · inputs] and bias of a convolution of features that lie channels last."""
    assert conv.bias is not None  # the heads and the pyramid have one
    return conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias


def _stacked(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    weights, biases = zip(*pairs, strict=True)
    return torch.stack(weights), torch.stack(biases)


def _frozen(*tensors: Tensor) -> list[nn.Parameter]:
    return [nn.Parameter(tensor.detach(), requires_grad=False) for tensor in tensors]
