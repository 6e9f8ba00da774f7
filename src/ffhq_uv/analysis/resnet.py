"""Residual networks without their classifier (He et al. 2016), parameter names as torchvision's.

The bottleneck puts its stride on the 3 x 3 convolution ("v1.5"), as torchvision does.
"""

from __future__ import annotations

from torch import Tensor, nn

from ffhq_uv.networks import Residual


class BasicBlock(Residual):
    """Two 3 x 3 convolutions; the block of ResNet-18."""

    expansion = 1
    last = ("conv2", "bn2")

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(inputs, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, channels, H / stride, W / stride]."""
        identity = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.ended(x, identity)


class Bottleneck(Residual):
    """A 3 x 3 convolution between two 1 x 1 ones; the block of ResNet-50."""

    expansion = 4
    last = ("conv3", "bn3")

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1 = nn.Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Features [B, inputs, H, W] to [B, 4 channels, H / stride, W / stride]."""
        identity = x if self.downsample is None else self.downsample(x)
        x = self.relu1(self.bn1(self.conv1(x)))
        x = self.relu2(self.bn2(self.conv2(x)))
        return self.ended(x, identity)


class ResNet(nn.Module):
    """The body of a residual network: the features of its four layers."""

    def __init__(self, block: type[BasicBlock] | type[Bottleneck], depths: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = layer(block, 64, 64, depths[0], stride=1)
        self.layer2 = layer(block, 64 * block.expansion, 128, depths[1], stride=2)
        self.layer3 = layer(block, 128 * block.expansion, 256, depths[2], stride=2)
        self.layer4 = layer(block, 256 * block.expansion, 512, depths[3], stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Images [B, 3, H, W] to the features of every layer, at 1/4, 1/8, 1/16 and 1/32 of the size."""
        x = self.relu(self.maxpool(self.bn1(self.conv1(x))))  # the other way round as published: the same, and less
        x4 = self.layer1(x)
        x8 = self.layer2(x4)
        x16 = self.layer3(x8)
        return x4, x8, x16, self.layer4(x16)


def resnet18() -> ResNet:
    """The body of ResNet-18: 512 channels at the end."""
    return ResNet(BasicBlock, (2, 2, 2, 2))


def resnet50() -> ResNet:
    """The body of ResNet-50: 2048 channels at the end."""
    return ResNet(Bottleneck, (3, 4, 6, 3))


def layer(
    block: type[BasicBlock] | type[Bottleneck], inputs: int, channels: int, depth: int, stride: int
) -> nn.Sequential:
    """``depth`` blocks, the first of which changes channels and size."""
    rest = [block(channels * block.expansion, channels, 1) for _ in range(depth - 1)]
    return nn.Sequential(block(inputs, channels, stride), *rest)


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """A 1 x 1 convolution where a block changes channels or size; None where its input can be added as it is."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
