"""Deep3D (Deng et al. 2019) on the HiFi3D++ model: a crop of a face to 3DMM coefficients, light and pose.

Only weights can tell the sizes of the bases; the published file has 532 identity, 45 expression and 439 texture
coefficients, which makes it incompatible with the well-known Deep3D of 80, 64 and 80.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ffhq_uv.analysis.resnet import resnet50
from ffhq_uv.networks import State, WeightsError, read_state, with_weights

AMBIENT = 0.8
"""What upstream adds to the first light coefficient of every channel before it stores or uses them."""


@dataclass(frozen=True)
class Coefficients:
    """What the network says of a batch of crops.

    identity     [B, I]
    expression   [B, E], at least 0
    texture      [B, T]
    angle        [B, 3] (pitch, yaw, roll; radians)
    light        [B, 3, 9], spherical harmonics of every channel, `AMBIENT` added
    translation  [B, 3], model units
    """

    identity: Tensor
    expression: Tensor
    texture: Tensor
    angle: Tensor
    light: Tensor
    translation: Tensor


class Deep3D(nn.Module):
    """ResNet-50, the mean over the crop, and a linear layer for each kind of coefficients."""

    def __init__(self, identity: int, expression: int, texture: int) -> None:
        super().__init__()

        def linear(outputs: int) -> nn.Conv2d:
            return nn.Conv2d(2048, outputs, 1)

        self.backbone = resnet50()
        self.final_layers = nn.ModuleList(
            [
                linear(identity),
                nn.Sequential(linear(expression), nn.ReLU()),
                linear(texture),
                linear(3),  # angle
                linear(27),  # light
                linear(2),  # x and y of the translation
                linear(1),  # its z
            ]
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Crops [B, 3, 224, 224] (RGB, 0..1) to all coefficients after each other, [B, I + E + T + 33]."""
        features = self.backbone(crops)[-1].mean((2, 3), keepdim=True)
        return cat_channels([layer(features) for layer in self.final_layers])

    def coefficients(self, crops: Tensor) -> Coefficients:
        """The coefficients of crops [B, 3, 224, 224] (RGB, 0..1)."""
        sizes = [bias.shape[0] for name, bias in self.final_layers.named_parameters() if name.endswith("bias")]
        identity, expression, texture, angle, gamma, xy, z = self(crops).split(sizes, dim=1)
        light = gamma.reshape(-1, 3, 9).clone()
        light[:, :, 0] += AMBIENT
        return Coefficients(identity, expression, texture, angle, light, cat_channels([xy, z]))


def load_deep3d(path: Path) -> Deep3D:
    """The network of ``epoch_latest.pth``, for the basis sizes that the file has.

    Raises FileNotFoundError, or WeightsError for a file of something else.
    """
    state = read_state(path, "net_recon")
    identity, expression, texture = (outputs(state, f"final_layers.{head}.weight", path) for head in ("0", "1.0", "2"))
    return with_weights(lambda: Deep3D(identity, expression, texture), state, path)


def outputs(state: State, name: str, path: Path) -> int:
    """The number of outputs of a layer's weight."""
    if name not in state or state[name].ndim != 4:
        raise WeightsError(f"{path}: not the weights of Deep3D on HiFi3D++: {name} is missing or of another shape")
    return state[name].shape[0]


def cat_channels(parts: list[Tensor]) -> Tensor:
    """Parts [B, n] or [B, n, 1, 1] after each other, [B, sum of n]."""
    return torch.cat([part.flatten(1) for part in parts], dim=1)
