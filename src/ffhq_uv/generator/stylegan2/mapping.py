"""StyleGAN2's mapping network (Karras et al. 2020): normal noise to W, truncated towards the average code."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dense(nn.Module):
    """A fully connected layer, whose parameters were trained at the learning rate ``lr`` of the rest; leaky ReLU."""

    def __init__(self, inputs: int, outputs: int, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        x = F.linear(x, self.weight * (self.lr / math.sqrt(x.shape[1])), self.bias * self.lr)
        return F.leaky_relu(x, 0.2) * math.sqrt(2)


class MappingNetwork(nn.Module):
    """z [N, widths[0]], standard normal, to W codes [N, widths[-1]].

    widths      of z and of every layer's output (config-f: nine times 512)
    lr          learning rate of the layers relative to the synthesis network's (config-f: 0.01)
    """

    def __init__(self, widths: list[int], lr: float = 0.01) -> None:
        super().__init__()
        self.depth = len(widths) - 1
        for layer in range(self.depth):
            self.add_module(f"fc{layer}", Dense(widths[layer], widths[layer + 1], lr))
        self.w_avg = nn.Buffer(torch.empty(widths[-1]))

    @torch.no_grad()
    def forward(self, z: Tensor, truncation: float = 1.0) -> Tensor:
        """``truncation``: 1 leaves the codes as they are, 0 gives the average code."""
        x = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in range(self.depth):
            x = self.get_submodule(f"fc{layer}")(x)
        return self.w_avg.lerp(x, truncation)
