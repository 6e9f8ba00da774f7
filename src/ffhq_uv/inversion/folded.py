"""The e4e encoder made quick: the same numbers (to rounding) as `e4e_network`, from the same weights.

- Features lie channels last, so a 1 x 1 convolution is a matrix product and the channels of a place are neighbours.
- A normalisation is part of the weights of the convolution before or after it.
- The 3 x 3 convolutions of the body go Winograd's way (`ffhq_uv.networks.winograd`).
- The heads of a level look at the same features: their first convolution is one matrix product for all of them, the
  others are a batch of products over the gathered 3 x 3 places. Nine tenths of the weights are theirs; they are stored
  in the order in which the product reads them, which a convolution would have to rearrange in every call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffhq_uv.inversion.e4e_network import (
    LATE,
    LEVELS,
    MIDDLE,
    WIDTH,
    Block,
    Encoder4Editing,
    Head,
    enlarged,
    shared_and_own,
)
from ffhq_uv.networks.layers import Winograd, available, suits

WINOGRAD = 256
"""Input channels up to which Winograd's way pays: more of them come with images of 16 x 16."""
LEAST_SCALE = 1e-6
"""Of a normalisation that is part of a convolution's weights: a smaller factor is taken as this."""


class FoldedEncoder(nn.Module):
    """Computes what `Encoder4Editing` does, of whose weights it is made; that network is used up by it."""

    def __init__(self, network: Encoder4Editing) -> None:
        super().__init__()
        conv, norm, slope = _layers(network.input_layer)
        self._stem = nn.ParameterList(_frozen(*_folded(conv, norm), slope.weight))
        self._lateral = nn.ParameterList(
            _frozen(*(part for layer in (network.latlayer1, network.latlayer2) for part in _as_matrix(layer)))
        )
        self._heads = nn.ModuleList()
        for heads in LEVELS:
            self._heads.append(FoldedHeads([_layers(network.styles)[i] for i in heads]))
            for i in heads:
                network.styles[i] = nn.Identity()  # a gigabyte is not held twice
        self._blocks = nn.ModuleList()
        for number, block in enumerate(_layers(network.body)):
            self._blocks.append(FoldedBlock(block))
            network.body[number] = nn.Identity()

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
        p2 = enlarged(x) + _pointwise(kept[LATE], *self._lateral[:2])
        p1 = enlarged(p2) + _pointwise(kept[MIDDLE], *self._lateral[2:])
        levels = zip(self._heads, (x, p2, p1), strict=True)
        return shared_and_own(torch.cat([heads(features) for heads, features in levels], 1))


class FoldedBlock(nn.Module):
    """A `Block` without normalisations of its own."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        before, first, slope, second, after, excite = _layers(block.res_layer)
        self._first = _normalised(before, first, slope)
        self._second = _convolution(*_folded(second, after), block.stride)
        self._stride = block.stride
        self._excite = nn.ParameterList(_frozen(excite.fc1.weight.flatten(1), excite.fc2.weight.flatten(1)))
        shortcut = [] if block.shortcut_layer is None else _folded(*_layers(block.shortcut_layer))
        self._shortcut = nn.ParameterList(_frozen(*(part.flatten(1) if part.ndim == 4 else part for part in shortcut)))

    def forward(self, x: Tensor) -> Tensor:
        """As `Block.forward`."""
        narrow, wide = self._excite
        y = self._second(self._first(x))
        gate = (_means(y) @ narrow.T).relu() @ wide.T
        shortcut = x[:, :, :: self._stride, :: self._stride]
        if len(self._shortcut):
            shortcut = _pointwise(shortcut, *self._shortcut)
        return torch.addcmul(shortcut, y, gate.sigmoid()[:, :, None, None])


class FoldedHeads(nn.Module):
    """The heads of one level of the pyramid, all at once."""

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self._count = len(heads)
        convs = [[layer for layer in head.convs if isinstance(layer, nn.Conv2d)] for head in heads]
        steps = [_stacked([_as_matrix(conv) for conv in step]) for step in zip(*convs, strict=True)]
        (weight, bias), *others = steps
        linear = _stacked([(head.linear.weight / math.sqrt(WIDTH), head.linear.bias) for head in heads])
        self._first = nn.ParameterList(_frozen(weight.flatten(0, 1), bias.flatten()))
        self._weights = nn.ParameterList(_frozen(*(weight for weight, _ in (*others, linear))))
        self._biases = nn.ParameterList(_frozen(*(bias[:, None] for _, bias in (*others, linear))))

    def forward(self, x: Tensor) -> Tensor:
        """Vectors [B, heads, 512] of features [B, 512, S, S]."""
        batch, side = len(x), x.shape[2] // 2
        weight, bias = self._first
        y = functional.leaky_relu(torch.addmm(bias, _neighbours(x.permute(0, 2, 3, 1)).flatten(0, 1), weight.T))
        y = y.reshape(batch, side, side, self._count, WIDTH).permute(3, 0, 1, 2, 4)  # a head's features, channels last
        for weight, bias in zip(self._weights[:-1], self._biases[:-1], strict=True):
            near = _neighbours(y.flatten(0, 1)).reshape(self._count, -1, 9 * WIDTH)
            side //= 2
            y = functional.leaky_relu(torch.baddbmm(bias, near, weight.transpose(1, 2)))
            y = y.reshape(self._count, batch, side, side, WIDTH)
        y = torch.baddbmm(self._biases[-1], y.reshape(self._count, batch, WIDTH), self._weights[-1].transpose(1, 2))
        return y.transpose(0, 1)


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


def _normalised(norm: nn.BatchNorm2d, conv: nn.Conv2d, activation: nn.PReLU) -> Normalised | Winograd:
    """A normalisation, a convolution and its PReLU, by Winograd's way where that pays.

    The normalisation is then part of the weights, too: x · scale + shift, zero outside, is (x + shift / scale) · scale
    with -shift / scale outside of x.
    """
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = norm.weight / (variance + norm.eps).sqrt()
    shift = norm.bias - mean * scale
    library = available()
    if library is None or not suits(conv, library) or conv.in_channels > WINOGRAD:
        return Normalised(scale, shift, conv.weight, activation.weight)
    scale = torch.where(scale.abs() < LEAST_SCALE, LEAST_SCALE, scale)
    bias = (conv.weight.sum((2, 3)) * shift).sum(1)
    return Winograd(library, conv.weight * scale[:, None, None], bias, activation.weight, -shift / scale)


def _convolution(weight: Tensor, bias: Tensor, stride: int) -> nn.Conv2d | Winograd:
    """A 3 x 3 convolution, by Winograd's way where that pays."""
    outputs, inputs = weight.shape[:2]
    with torch.device("meta"):
        conv = nn.Conv2d(inputs, outputs, 3, stride, padding=1)
    library = available()
    if library is not None and suits(conv, library) and inputs <= WINOGRAD:
        return Winograd(library, weight, bias)
    conv.weight, conv.bias = _frozen(weight, bias)
    return conv


def _neighbours(x: Tensor) -> Tensor:
    """Of every second place of [N, S, S, C] the 3 x 3 places around it, zero outside: [N, S² / 4, 9 C]."""
    size = x.shape[1]
    padded = functional.pad(x, (0, 0, 1, 1, 1, 1))
    near = [padded[:, row : row + size : 2, column : column + size : 2] for row in range(3) for column in range(3)]
    return torch.cat(near, 3).flatten(1, 2)


def _pointwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A 1 x 1 convolution of features that lie channels last."""
    return functional.linear(x.permute(0, 2, 3, 1), weight, bias).permute(0, 3, 1, 2)


def _means(x: Tensor) -> Tensor:
    """Channel means [B, C] of features [B, C, H, W] that lie channels last; a product, quicker than a sum over them."""
    places = x.permute(0, 2, 3, 1).flatten(1, 2)
    return (places.new_full((1, places.shape[1]), 1 / places.shape[1]) @ places)[:, 0]


def _layers(layers: Iterable[nn.Module]) -> list[Any]:
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
