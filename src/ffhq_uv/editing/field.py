"""The velocity that the flow gives to points, for the attributes that each point is told."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import linear

from ffhq_uv.editing.flow_network import StyleFlow

Product = Callable[[Tensor, Tensor, Tensor], Tensor]


class Field:
    """dx/dt of points, and the derivative of their log-density.

    What the attributes add to every gate and shift is linear in them and in the time, so their part is computed once,
    and a time's gates once for all points that are asked for at that time.
    """

    def __init__(self, flow: StyleFlow, attributes: Tensor, product: Product = linear) -> None:
        """For points with attributes float32 [R, 17], raw: degrees, years, shares 0..1.

        product   of points [R, 512], weights [512, 512] and biases [512]: how it adds up is its affair
        """
        self._product = product
        layers = flow.layers
        self._weights = [layer._layer.weight for layer in layers]
        self._biases = [layer._layer.bias for layer in layers]
        gates = torch.stack([layer._hyper_gate.weight for layer in layers])
        shifts = torch.stack([layer._hyper_bias.weight for layer in layers])
        gate_biases = torch.stack([layer._hyper_gate.bias for layer in layers])[:, None]
        self._gates = attributes @ gates[:, :, 1:].mT + gate_biases
        self._shifts = attributes @ shifts[:, :, 1:].mT
        self._gates_in_time, self._shifts_in_time = gates[:, None, :, 0], shifts[:, None, :, 0]
        self._time: float | None = None
        self._now: tuple[Tensor, Tensor] = (self._gates, self._shifts)

    def _at(self, time: float) -> tuple[Tensor, Tensor]:
        """Of every layer, what its product is multiplied with and what is added then: twice [6, R, 512]."""
        if time != self._time:
            gates = torch.add(self._gates, self._gates_in_time, alpha=time).sigmoid_()
            shifts = torch.add(self._shifts, self._shifts_in_time, alpha=time)
            self._time, self._now = time, (gates, shifts)
        return self._now

    def velocity(self, time: float, x: Tensor) -> Tensor:
        """dx/dt float32 [R, 512] of points x at a time."""
        return self._through(time, x)[-1]

    def velocity_and_divergence(self, time: float, x: Tensor, probe: Tensor) -> tuple[Tensor, Tensor]:
        """dx/dt [R, 512] and Hutchinson's estimate e J e of its divergence [R, 1], of a probe e [R, 512]."""
        gates, _ = self._at(time)
        *hidden, velocity = self._through(time, x)
        back = probe
        for layer in reversed(range(len(self._weights))):
            if layer < len(hidden):
                back = back * (1 - hidden[layer] * hidden[layer])
            back = (back * gates[layer]) @ self._weights[layer]
        return velocity, (back * probe).sum(-1, keepdim=True)

    def _through(self, time: float, x: Tensor) -> list[Tensor]:
        """What comes out of every layer."""
        gates, shifts = self._at(time)
        outputs: list[Tensor] = []
        for weight, bias, gate, shift in zip(self._weights, self._biases, gates, shifts, strict=True):
            if outputs:
                x = x.tanh_()  # in place, so that what is returned are the hidden layers after tanh
            x = self._product(x, weight, bias).mul_(gate).add_(shift)
            outputs.append(x)
        return outputs
