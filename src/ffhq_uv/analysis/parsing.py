"""What each pixel of a face shows: BiSeNet (Yu et al. 2018) as published for face parsing, ``79999_iter.pth``.

The classes, by number: background, skin, l_brow, r_brow, l_eye, r_eye, eyeglasses, l_ear, r_ear, earring, nose,
mouth (its inside), u_lip, l_lip, neck, necklace, cloth, hair, hat. Left and right of brows, eyes and ears are not
reliable (the published training confused them): always take both.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from ffhq_uv.analysis.class_map import class_map, enlarged, resized
from ffhq_uv.analysis.resnet import resnet18
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

CLASSES = 19
SIZE = 512
"""Side of the picture that the network sees, pixels."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ConvBNReLU(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, outputs, H, W]."""
        return self.relu(self.bn(self.conv(x)))  # type: ignore[no-any-return]


class AttentionRefinement(nn.Module):
    """Features weighted channel by channel by what their mean over the picture tells."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(inputs, outputs, 3)
        self.conv_atten = nn.Conv2d(outputs, outputs, 1, bias=False)
        self.bn_atten = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, outputs, H, W]."""
        features = self.conv(x)
        return features * self.bn_atten(self.conv_atten(mean(features))).sigmoid()  # type: ignore[no-any-return]


class ContextPath(nn.Module):
    """ResNet-18 and the way back up to 1/8 of the size."""

    def __init__(self) -> None:
        super().__init__()
        self.resnet = resnet18()
        self.arm16 = AttentionRefinement(256, 128)
        self.arm32 = AttentionRefinement(512, 128)
        self.conv_head32 = ConvBNReLU(128, 128, 3)
        self.conv_head16 = ConvBNReLU(128, 128, 3)
        self.conv_avg = ConvBNReLU(512, 128, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images [B, 3, H, W] to ResNet's features and the context, both [B, 128, H / 8, W / 8]."""
        _, x8, x16, x32 = self.resnet(x)
        context = self.arm32(x32) + self.conv_avg(mean(x32))
        context = self.conv_head32(functional.interpolate(context, size=x16.shape[2:], mode="nearest"))
        context = self.arm16(x16) + context
        return x8, self.conv_head16(functional.interpolate(context, size=x8.shape[2:], mode="nearest"))


class FeatureFusion(nn.Module):
    """Both features as one, weighted channel by channel."""

    def __init__(self) -> None:
        super().__init__()
        self.convblk = ConvBNReLU(256, 256, 1)
        self.conv1 = nn.Conv2d(256, 64, 1, bias=False)
        self.conv2 = nn.Conv2d(64, 256, 1, bias=False)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Two of [B, 128, H, W] to [B, 256, H, W]."""
        fused = self.convblk(torch.cat([features, context], dim=1))
        return fused * self.conv2(self.conv1(mean(fused)).relu()).sigmoid() + fused  # type: ignore[no-any-return]


class Head(nn.Module):
    """Features to class scores."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = ConvBNReLU(inputs, channels, 3)
        self.conv_out = nn.Conv2d(channels, CLASSES, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to scores [B, 19, H, W]."""
        return self.conv_out(self.conv(x))  # type: ignore[no-any-return]


class BiSeNet(nn.Module):
    """The published network. Of its three heads two were for training only: they are loaded, and not run."""

    def __init__(self) -> None:
        super().__init__()
        self.cp = ContextPath()
        self.ffm = FeatureFusion()
        self.conv_out = Head(256, 256)
        self.conv_out16 = Head(128, 64)
        self.conv_out32 = Head(128, 64)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images [B, 3, H, W] to class scores (logits) [B, 19, H, W]; H and W are multiples of 32."""
        return enlarged(self.scores(x), *x.shape[2:])

    def scores(self, x: Tensor) -> Tensor:
        """The scores of every eighth pixel, [B, 19, H / 8, W / 8], of which `forward` makes the others."""
        return self.conv_out(self.ffm(*self.cp(x)))  # type: ignore[no-any-return]


class FaceParser:
    """Classes of the pixels of faces. Raises FileNotFoundError or WeightsError for a file that is not usable.

    ``precision`` is that of the network; pixels of faces and class scores are compared in float32.
    """

    def __init__(self, path: Path, device: str, precision: Precision = "float32") -> None:
        self._device = usable_device(device)
        network = folded(with_weights(BiSeNet, read_state(path), path))
        self._network = quickened(network, self._device, 512, precision, careful=True)
        self._dtype = next(self._network.parameters()).dtype

    def __call__(self, faces: Tensor) -> Tensor:
        """Classes uint8 [B, H, W] (0..18) of faces uint8 RGB [B, H, W, 3].

        As upstream does, the face is resized to 512 (bilinear, without smoothing) and cut to whole grey levels, and the
        scores, not the classes, are resized back (`class_map`).
        """
        with inference():
            return torch.cat([self._some(part.to(self._device)) for part in portions(faces, self._device)])

    def _some(self, faces: Tensor) -> Tensor:
        levels = resized(faces.movedim(3, 1).float(), SIZE, SIZE).floor_().div_(255)
        mean, std = (levels.new_tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        scores = self._network.scores(levels.sub_(mean).div_(std).to(self._dtype))
        return class_map(scores, SIZE, *faces.shape[1:3])


def mean(features: Tensor) -> Tensor:
    """The mean [B, C, 1, 1] of features [B, C, H, W] over the picture."""
    return features.mean((2, 3), keepdim=True)
