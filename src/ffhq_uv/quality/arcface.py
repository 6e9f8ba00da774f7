"""ArcFace (Deng et al. 2019): who a face shows, as a vector. ``ms1mv3_arcface_r50_fp16_backbone.pth``."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffhq_uv.networks import (
    Precision,
    folded,
    inference,
    portions,
    quickened,
    read_state,
    usable_device,
    with_weights,
)
from ffhq_uv.quality.face_crop import face_crop

EXACT = ("layer1", "layer2")
"""Layers that stay in float32, since all others carry their rounding on: a cosine of 0.99992, without 0.99985."""


class Block(nn.Module):
    """A residual block that normalises first and ends without an activation."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.prelu = nn.PReLU(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if stride > 1
            else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, channels, H / stride, W / stride]."""
        identity = x if self.downsample is None else self.downsample(x)
        x = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        return self.bn3(self.conv2(x)) + identity  # type: ignore[no-any-return]


class IResNet50(nn.Module):
    """The "improved" ResNet-50 of ArcFace: full size at first, half of it in every layer, 512 numbers at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        self.layer1 = layer(64, 64, 3)
        self.layer2 = layer(64, 128, 4)
        self.layer3 = layer(128, 256, 14)
        self.layer4 = layer(256, 512, 3)
        self.bn2 = nn.BatchNorm2d(512)
        self.fc = nn.Linear(512 * 7 * 7, 512)
        self.features = nn.BatchNorm1d(512)

    def forward(self, x: Tensor) -> Tensor:
        """Crops [B, 3, 112, 112] (RGB, -1..1) to embeddings [B, 512], of any length."""
        x = self.prelu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.features(self.fc(self.bn2(x).flatten(1)))  # type: ignore[no-any-return]


def layer(inputs: int, channels: int, depth: int) -> nn.Sequential:
    """``depth`` blocks, the first of which halves the size."""
    return nn.Sequential(Block(inputs, channels, 2), *(Block(channels, channels, 1) for _ in range(depth - 1)))


class ArcFace:
    """Identity embeddings. Raises FileNotFoundError or WeightsError for a file that is not usable."""

    def __init__(self, path: Path, device: str, precision: Precision = "float32") -> None:
        self._device = usable_device(device)
        network = folded(with_weights(IResNet50, read_state(path), path))
        self._network = quickened(network, self._device, 128, precision, exact=EXACT)
        self._dtype = next(self._network.parameters()).dtype

    def __call__(self, fronts: Tensor, landmarks: Tensor) -> Tensor:
        """Unit vectors float32 [B, 512] of fronts uint8 RGB [B, H, W, 3] by landmarks [B, 5, 2] (column, row).

        The landmarks are image-left eye, image-right eye, nose tip, left and right mouth corner.
        """
        with inference():
            parts = zip(portions(fronts, self._device), portions(landmarks, self._device), strict=True)
            return torch.cat([self._some(faces.to(self._device), points) for faces, points in parts])

    def _some(self, faces: Tensor, landmarks: Tensor) -> Tensor:
        crops = torch.stack([face_crop(face, points) for face, points in zip(faces, landmarks, strict=True)])
        return functional.normalize(self._network((crops.permute(0, 3, 1, 2) / 127.5 - 1).to(self._dtype)).float())
