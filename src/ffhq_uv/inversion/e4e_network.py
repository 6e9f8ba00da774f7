"""The e4e encoder (Tov et al. 2021) as its file names it: an IR-SE-50 with a feature pyramid and 18 heads.

The body is ArcFace's, with squeeze-and-excitation (Hu et al. 2018). Head i turns one level of the pyramid into one
vector; the first is the code that all 18 layers share, the others are added to it, each to its own layer. Coarse
layers come from coarse features: 0 to 2 from 16 x 16, 3 to 6 from 32 x 32, 7 to 17 from 64 x 64.

This is the plain reading. `ffhq_uv.inversion.folded` computes the same faster.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYERS, WIDTH = 18, 512
STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and blocks of the body; the first block of each stage halves the size."""
SLOPE = 0.01
"""Of the heads' leaky ReLUs."""
LEVELS = (range(3), range(3, 7), range(7, 18))
"""The heads that look at c3 (16 x 16), p2 (32 x 32) and p1 (64 x 64)."""
MIDDLE, LATE = 6, 20
"""Blocks of the body whose output the pyramid takes besides the last one's: c1 (64 x 64) and c2 (32 x 32)."""


class SqueezeExcite(nn.Module):
    """Scales every channel by what its mean, seen together with the others', says of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // 16, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // 16, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, C, H, W] to the same shape."""
        gate: Tensor = self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu())
        return x * gate.sigmoid()


class Block(nn.Module):
    """A residual block that normalises first and ends without an activation."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer = (
            nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if inputs != channels
            else None
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, channels, 3, padding=1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            SqueezeExcite(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, channels, H / stride, W / stride]."""
        subsampled = x[:, :, :: self.stride, :: self.stride]
        shortcut = subsampled if self.shortcut_layer is None else self.shortcut_layer(x)
        return self.res_layer(x) + shortcut  # type: ignore[no-any-return]


class Head(nn.Module):
    """Convolutions that halve features down to one place, and an equalised linear layer."""

    def __init__(self, halvings: int) -> None:
        super().__init__()
        convs = (nn.Conv2d(WIDTH, WIDTH, 3, 2, padding=1) for _ in range(halvings))
        self.convs = nn.Sequential(*(layer for conv in convs for layer in (conv, nn.LeakyReLU(SLOPE))))
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, 512, S, S] to vectors [B, 512]."""
        return functional.linear(self.convs(x).flatten(1), self.linear.weight / math.sqrt(WIDTH), self.linear.bias)


class Encoder4Editing(nn.Module):
    """The published network, 621 entries without the file's prefix ``encoder.``."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(3, STAGES[0][0], 3, padding=1, bias=False), nn.BatchNorm2d(STAGES[0][0]), nn.PReLU(STAGES[0][0])
        )
        blocks, inputs = [], STAGES[0][0]
        for channels, depth in STAGES:
            for number in range(depth):
                blocks.append(Block(inputs, channels, 2 if number == 0 else 1))
                inputs = channels
        self.body = nn.Sequential(*blocks)
        self.latlayer1 = nn.Conv2d(256, WIDTH, 1)
        self.latlayer2 = nn.Conv2d(128, WIDTH, 1)
        self.styles = nn.ModuleList(Head(4 + level) for level, heads in enumerate(LEVELS) for _ in heads)

    def levels(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The pyramid [B, 512, 16 and 32 and 64, ...] of faces [B, 3, 256, 256]."""
        x, kept = self.input_layer(faces), {}
        for number, block in enumerate(self.body):
            x = kept[number] = block(x)
        p2 = enlarged(x) + self.latlayer1(kept[LATE])
        return x, p2, enlarged(p2) + self.latlayer2(kept[MIDDLE])

    def forward(self, faces: Tensor) -> Tensor:
        """Codes [B, 18, 512], without the average latent, of faces [B, 3, 256, 256] (RGB, -1..1)."""
        found = [self.styles[i](x) for x, heads in zip(self.levels(faces), LEVELS, strict=True) for i in heads]
        return shared_and_own(torch.stack(found, 1))


def enlarged(x: Tensor) -> Tensor:
    """Features [B, C, S, S] at twice the size, bilinear from corner to corner."""
    return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def shared_and_own(found: Tensor) -> Tensor:
    """Codes [B, 18, 512] of what the heads found [B, 18, 512]: the first, to which every other is added."""
    return torch.cat([found[:, :1], found[:, :1] + found[:, 1:]], 1)
