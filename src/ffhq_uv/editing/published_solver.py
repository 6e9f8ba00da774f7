"""Editing as the data set's authors did: every edit solved by itself, all layers, with the log-density in the state.

Nobody looks at the log-density, but its error has a say in the length of the steps, and so in the last digits of the
codes. Its derivative is estimated with a random probe. The authors' was not seeded; here it is by sample and solve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ffhq_uv.editing.dopri5 import DivergedError, State, dopri5
from ffhq_uv.editing.edits import Edit, along
from ffhq_uv.editing.field import Field
from ffhq_uv.editing.flow_network import LAYERS, WIDTH, StyleFlow

Probe = Callable[[str, int], Tensor]
"""The probe float32 [18, 512] of a sample's solve."""


def seeded_probe(seed: int) -> Probe:
    """Probes from N(0, 1), drawn from (seed, sample, solve)."""

    def draw(id: str, solve: int) -> Tensor:
        rng = np.random.default_rng([seed, solve, *id.encode()])
        return torch.from_numpy(rng.standard_normal((LAYERS, WIDTH), np.float32))

    return draw


PART = 192
"""Numbers of a point that are multiplied and added up at once."""


def in_parts(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """The product of points [R, 512], added up in parts that are rounded each.

    The error of a first step is nothing but the rounding of these sums, 6e-10 of what is tolerated in upstream's run,
    and it decides how long the next step is. Libraries add up one by one or in parts of 16 to 512, whence 2e-10 to
    16e-10, and codes up to 1e-4 apart; parts of 192 round as that run did.
    """
    ends = range(0, x.shape[-1], PART)
    found = sum(x[:, at : at + PART] @ weight[:, at : at + PART].T for at in ends)
    return found + bias


class PublishedSolver:
    """Edits codes, one sample after the other. A sample whose flow cannot be followed is NaN."""

    def __init__(self, flow: StyleFlow, probe: Probe) -> None:
        self._flow = flow
        self._probe = probe

    def front(self, codes: Tensor, attributes: Tensor, edits: Sequence[Edit], ids: Sequence[str]) -> Tensor:
        """Codes float32 [B, 18, 512] of samples with attributes [B, 17] after edits, one after the other."""
        edited = codes.clone()
        for code, path, id in zip(edited, along(attributes, edits).unbind(1), ids, strict=True):
            for number, edit in enumerate(edits):
                point = self.encode(code, path[number], self._probe(id, 2 * number))
                moved = self.decode(point, path[number + 1], self._probe(id, 2 * number + 1))
                code[edit.rows] = moved[edit.rows]
        return edited

    def views(
        self, fronts: Tensor, attributes: Tensor, views: Sequence[Edit], ids: Sequence[str], solves: int
    ) -> Tensor:
        """Codes float32 [B, V, 18, 512] of views of fronts [B, 18, 512] with attributes [B, 17].

        solves   how many of each sample there were before; they number the probes
        """
        turned = fronts[:, None].repeat(1, len(views), 1, 1)
        for row, id in enumerate(ids):
            point = self.encode(fronts[row], attributes[row], self._probe(id, solves))
            for number, view in enumerate(views):
                after = view.of(attributes[row])
                moved = self.decode(point, after, self._probe(id, solves + 1 + number))
                turned[row, number, view.rows] = moved[view.rows]
        return turned

    def encode(self, code: Tensor, attributes: Tensor, probe: Tensor) -> Tensor:
        """A code [18, 512] with attributes [17] to where the attributes do not show."""
        flow = self._flow
        x, density = flow.before(code), -flow.before.log_density()
        return flow.after(self._follow(x, density, attributes, probe, 0.0, flow.end_time))  # type: ignore[no-any-return]

    def decode(self, point: Tensor, attributes: Tensor, probe: Tensor) -> Tensor:
        """The way back of `encode`, with the same or other attributes."""
        flow = self._flow
        x, density = flow.after.reverse(point), flow.after.log_density()
        return flow.before.reverse(self._follow(x, density, attributes, probe, flow.end_time, 0.0))

    def _follow(
        self, x: Tensor, density: Tensor, attributes: Tensor, probe: Tensor, start: float, end: float
    ) -> Tensor:
        field, probe = Field(self._flow, attributes.expand(len(x), -1), in_parts), probe.to(x.device)
        sign = 1.0 if start < end else -1.0

        def derivative(time: float, state: State) -> State:
            velocity, divergence = field.velocity_and_divergence(sign * time, state[0], probe)
            return sign * velocity, -sign * divergence

        try:
            return dopri5(derivative, (x, density.expand(len(x), 1)), sign * start, sign * end)[0]
        except DivergedError:
            return torch.full_like(x, math.nan)
