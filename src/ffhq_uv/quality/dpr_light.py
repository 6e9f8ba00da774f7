"""The light that a face still shows: DPR (Zhou et al. 2019), ``trained_model_03.t7``, of which only the light is used.

DPR relights portraits: an hourglass whose innermost features hold the light. The way back out and the relit picture
are loaded, so that the published file is known to be whole, and never run.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from ffhq_uv.networks import inference, portions, read_state, usable_device, with_weights

SIDE = 512
"""Side of the picture that the network sees, pixels."""
LIGHT_CHANNELS = 27
COEFFICIENTS = ("1", "Y", "Z", "X", "YX", "YZ", "3Z2-1", "XZ", "X2-Y2")
"""The nine spherical harmonics in the order of the coefficients; light from the front without shadow is the first."""


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut, which is a convolution only where the channels change."""

    def __init__(self, inputs: int, outputs: int, norm: type[nn.BatchNorm2d] | type[nn.InstanceNorm2d]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn1 = norm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = norm(outputs)
        self.shortcuts = nn.Conv2d(inputs, outputs, 1, bias=False)  # in the file even where it is not used

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, outputs, H, W]."""
        shortcut = x if self.conv1.in_channels == self.conv1.out_channels else self.shortcuts(x)
        x = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(x)) + shortcut).relu()  # type: ignore[no-any-return]


class Hourglass(nn.Module):
    """One halving of the size, what is inside it, and the way back."""

    def __init__(self, inputs: int, channels: int, middle: nn.Module) -> None:
        super().__init__()
        self.upper = Block(inputs, inputs, nn.InstanceNorm2d)
        self.low1 = Block(inputs, channels, nn.BatchNorm2d)
        self.middle = middle
        self.low2 = Block(channels, inputs, nn.InstanceNorm2d)

    def forward(self, x: Tensor) -> Tensor:
        """The light [B, 9, 1, 1] that is inside of features [B, inputs, H, W]."""
        return self.middle(self.low1(nn.functional.max_pool2d(x, 2)))  # type: ignore[no-any-return]


class Light(nn.Module):
    """The light out of the innermost features."""

    def __init__(self) -> None:
        super().__init__()
        self.predict_FC1 = nn.Conv2d(LIGHT_CHANNELS, 128, 1, bias=False)
        self.predict_relu1 = nn.PReLU()
        self.predict_FC2 = nn.Conv2d(128, 9, 1, bias=False)
        self.post_FC1 = nn.Conv2d(9, 128, 1, bias=False)
        self.post_relu1 = nn.PReLU()
        self.post_FC2 = nn.Conv2d(128, LIGHT_CHANNELS, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The light [B, 9, 1, 1] of features [B, 155, H, W]."""
        mean = x[:, :LIGHT_CHANNELS].mean((2, 3), keepdim=True)
        return self.predict_FC2(self.predict_relu1(self.predict_FC1(mean)))  # type: ignore[no-any-return]


class DPR(nn.Module):
    """The published network. It names its hourglasses both on their own and inside each other; so does its file."""

    def __init__(self) -> None:
        super().__init__()
        self.pre_conv = nn.Conv2d(1, 16, 5, padding=2)
        self.pre_bn = nn.BatchNorm2d(16)
        self.light = Light()
        self.HG0 = Hourglass(64, 128 + LIGHT_CHANNELS, self.light)
        self.HG1 = Hourglass(32, 64, self.HG0)
        self.HG2 = Hourglass(16, 32, self.HG1)
        self.HG3 = Hourglass(16, 16, self.HG2)
        self.conv_1 = nn.Conv2d(16, 16, 3, padding=1)
        self.bn_1 = nn.BatchNorm2d(16)
        self.conv_2 = nn.Conv2d(16, 16, 1)
        self.bn_2 = nn.BatchNorm2d(16)
        self.conv_3 = nn.Conv2d(16, 16, 1)
        self.bn_3 = nn.BatchNorm2d(16)
        self.output = nn.Conv2d(16, 1, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Lightness [B, 1, 512, 512] (0..1) to the light's coefficients [B, 9]."""
        light: Tensor = self.HG3(self.pre_bn(self.pre_conv(lightness)).relu())
        return light.flatten(1)


class DprLight:
    """Light of faces. Raises FileNotFoundError or WeightsError for a file that is not usable."""

    def __init__(self, path: Path, device: str) -> None:
        self._device = usable_device(device)
        self._network = with_weights(DPR, read_state(path), path).to(self._device)

    def __call__(self, fronts: Tensor) -> Tensor:
        """Spherical harmonics float32 [B, 9] (order of `COEFFICIENTS`) of fronts uint8 RGB [B, H, W, 3].

        The same numbers as ``lights/<id>.npy`` of the published archives, where these are of the inverted image.
        """
        with inference():
            return torch.cat([self._some(faces) for faces in portions(fronts, self._device)])

    def _some(self, faces: Tensor) -> Tensor:
        levels = torch.cat([lightness(face) for face in faces])
        return self._network(levels.to(self._device))  # type: ignore[no-any-return]


def lightness(face: Tensor) -> Tensor:
    """OpenCV's 8-bit L of Lab, 0..1, float32 [1, 1, 512, 512], of a face uint8 RGB [H, W, 3] resized bilinearly."""
    small = cv2.resize(face.cpu().numpy(), (SIDE, SIDE))
    levels = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[:, :, 0]
    return torch.from_numpy(levels.astype(np.float32) / 255)[None, None]


def uneven_light(coefficients: Tensor) -> Tensor:
    """How far light [B, 9] is from even: the length of all coefficients but the first, over the first. Float32 [B].

    Normalised faces should have (1, 0, ..., 0), so 0. A picture that is black throughout gives infinity.
    """
    uneven: Tensor = torch.linalg.vector_norm(coefficients[:, 1:], dim=1)
    return uneven / coefficients[:, 0].clamp(min=0)
