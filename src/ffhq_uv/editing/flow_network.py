"""The network of StyleFlow (Abdal et al. 2021), ``styleflow_model/modellarge10k.pt``.

A W+ code's layers flow, each on its own, along dx/dt = f(x, t, attributes) from t = 0 to T: from codes to points that
the attributes do not show in, and back. Before and after that each number of a layer is scaled and shifted.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from ffhq_uv.editing.slots import SLOTS
from ffhq_uv.networks import WeightsError, read_state, with_weights

LAYERS, WIDTH = 18, 512
HIDDEN = 5
"""Layers of f that end in tanh; one more does not."""
EPSILON = 1e-4
"""Added to the running variance."""


class MovingNorm(nn.Module):
    """Scale and shift by running statistics; ``weight`` is the logarithm of a scale."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(WIDTH))
        self.bias = nn.Parameter(torch.empty(WIDTH))
        self.register_buffer("running_mean", torch.empty(WIDTH))
        self.register_buffer("running_var", torch.empty(WIDTH))
        self.register_buffer("step", torch.empty(1))  # a counter of training
        self.running_mean: Tensor
        self.running_var: Tensor

    def _log_variance(self) -> Tensor:
        return (self.running_var + EPSILON).log()

    def forward(self, x: Tensor) -> Tensor:
        """Normalise points [..., 512]."""
        return (x - self.running_mean) * (-0.5 * self._log_variance()).exp() * self.weight.exp() + self.bias

    def reverse(self, y: Tensor) -> Tensor:
        """What `forward` made points [..., 512] of."""
        return (y - self.bias) * (-self.weight).exp() * (0.5 * self._log_variance()).exp() + self.running_mean

    def log_density(self) -> Tensor:
        """By how much `forward` lowers the log-density of a point, and `reverse` raises it: a scalar."""
        return (self.weight - 0.5 * self._log_variance()).sum()


class GatedLayer(nn.Module):
    """h -> (W h + b) * sigmoid(Q c + r) + P c, where c is the time and the attributes."""

    def __init__(self) -> None:
        super().__init__()
        self._layer = nn.Linear(WIDTH, WIDTH)
        self._hyper_bias = nn.Linear(1 + SLOTS, WIDTH, bias=False)
        self._hyper_gate = nn.Linear(1 + SLOTS, WIDTH)


class Velocity(nn.Module):
    """f: the layers in order."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(GatedLayer() for _ in range(HIDDEN + 1))


class OdeFunction(nn.Module):
    """The file's name for f with a counter of its evaluations."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("_num_evals", torch.empty(()))
        self.diffeq = Velocity()


class ContinuousFlow(nn.Module):
    """f and the square root of T."""

    def __init__(self) -> None:
        super().__init__()
        self.sqrt_end_time = nn.Parameter(torch.empty(()))
        self.odefunc = OdeFunction()


class StyleFlow(nn.Module):
    """The whole network: `before`, the flow, `after`. How the flow is followed is the solver's affair."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = nn.ModuleList([MovingNorm(), ContinuousFlow(), MovingNorm()])

    @property
    def before(self) -> MovingNorm:
        """Applied to codes before the flow."""
        return self.chain[0]  # type: ignore[return-value]

    @property
    def after(self) -> MovingNorm:
        """Applied to what comes out of the flow."""
        return self.chain[2]  # type: ignore[return-value]

    @property
    def layers(self) -> list[GatedLayer]:
        """Of f."""
        return list(self.chain[1].odefunc.diffeq.layers)  # type: ignore[union-attr, arg-type]

    @property
    def end_time(self) -> float:
        """T; the square is taken in float32."""
        root: Tensor = self.chain[1].sqrt_end_time  # type: ignore[assignment]
        return float(root * root)


def load_flow(path: Path, device: str = "cpu") -> StyleFlow:
    """The network of a published file, ready to run.

    Raises FileNotFoundError, or WeightsError for a file that is damaged, hostile or of another network (the published
    ``modelsmall10k.pt`` has other widths), for T = 0, and for a variance below 0.
    """
    flow = with_weights(StyleFlow, read_state(path), path)
    if not 0 < flow.end_time < float("inf"):
        raise WeightsError(f"{path}: the flow ends at T = {flow.end_time:g}; a number above 0 is expected")
    for name, norm in (("chain.0", flow.before), ("chain.2", flow.after)):
        if (norm.running_var < 0).any():
            raise WeightsError(f"{path}: {name}.running_var holds numbers below 0")
    return flow.to(device)
