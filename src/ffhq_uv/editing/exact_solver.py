"""Following the flow in equal steps: near the exact solution, and independent of who else is in the batch.

In exact arithmetic, decoding and encoding again with the same attributes changes nothing. So a sequence of edits needs,
of each layer, one encoding before the first of successive edits that touch it and one decoding after the last: of the
published sequence 34 solves of a layer instead of 252.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

import torch
from torch import Tensor
from torch.nn.functional import linear

from ffhq_uv.editing.dormand_prince import STAGES, TIMES, ahead
from ffhq_uv.editing.edits import Edit, along
from ffhq_uv.editing.field import Field
from ffhq_uv.editing.flow_network import LAYERS, WIDTH, StyleFlow

BLOCK = 8
"""Samples whose layers are multiplied at once, always as many: the last bits of a product depend on its shape."""


@dataclass(frozen=True)
class Run:
    """Successive edits first .. last - 1 of a layer."""

    layer: int
    first: int
    last: int


def runs(edits: Sequence[Edit]) -> list[list[Run]]:
    """What must be solved, in rounds: the k-th run of every layer that has as many."""
    found: list[list[Run]] = []
    for layer in range(LAYERS):
        of_layer: list[Run] = []
        for number, edit in enumerate(edits):
            if layer in edit.layers:
                before = of_layer.pop() if of_layer and of_layer[-1].last == number else Run(layer, number, number)
                of_layer.append(Run(layer, before.first, number + 1))
        found.append(of_layer)
    return [[run for run in later if run is not None] for later in zip_longest(*found)]


class ExactSolver:
    """Edits codes; every sample as if it were alone, bit for bit."""

    def __init__(self, flow: StyleFlow, steps: int = 6) -> None:
        """With ``steps`` equal steps of order 5 from 0 to T and back. On random weights, of 4 the error is up to 2e-5
        of a number of a code, and of 6 it is hardly more than float32's rounding: 3e-6, as of 8 it is 2e-6."""
        self._flow = flow
        self._steps = steps

    def front(self, codes: Tensor, attributes: Tensor, edits: Sequence[Edit], ids: Sequence[str]) -> Tensor:
        """Codes float32 [B, 18, 512] of samples with attributes [B, 17] after edits, one after the other.

        A layer whose attributes are already what they shall be keeps every bit.
        """
        path = along(attributes, edits).transpose(0, 1)
        edited = codes.clone()
        for together in runs(edits):
            layers = [run.layer for run in together]
            before, after = path[:, [run.first for run in together]], path[:, [run.last for run in together]]
            rows = edited[:, layers]
            edited[:, layers] = _where_changed(before, after, self.decode(self.encode(rows, before), after), rows)
        return edited

    def views(
        self, fronts: Tensor, attributes: Tensor, views: Sequence[Edit], ids: Sequence[str], solves: int
    ) -> Tensor:
        """Codes float32 [B, V, 18, 512] of views of fronts [B, 18, 512] with attributes [B, 17]."""
        layers = sorted({layer for view in views for layer in view.layers})
        before = attributes[:, None].expand(-1, len(layers), -1)
        points = self.encode(fronts[:, layers], before)
        of_view = [number for number, view in enumerate(views) for _ in view.layers]
        of_layer = [layer for view in views for layer in view.layers]
        after = torch.stack([attributes, *(view.of(attributes) for view in views)], 1)[
            :, [1 + number for number in of_view]
        ]
        edited = self.decode(points[:, [layers.index(layer) for layer in of_layer]], after)
        turned = fronts[:, None].repeat(1, len(views), 1, 1)
        turned[:, of_view, of_layer] = _where_changed(attributes[:, None], after, edited, fronts[:, of_layer])
        return turned

    def encode(self, rows: Tensor, attributes: Tensor) -> Tensor:
        """Layers of codes [B, R, 512] with attributes [B, R, 17] to where the attributes do not show."""
        flow = self._flow
        return flow.after(self._follow(flow.before(rows), attributes, 0.0, flow.end_time))  # type: ignore[no-any-return]

    def decode(self, points: Tensor, attributes: Tensor) -> Tensor:
        """The way back of `encode`, with the same or other attributes."""
        flow = self._flow
        return flow.before.reverse(self._follow(flow.after.reverse(points), attributes, flow.end_time, 0.0))

    def _follow(self, x: Tensor, attributes: Tensor, start: float, end: float) -> Tensor:
        count, rows = x.shape[:2]
        if not count * rows:
            return x
        block = BLOCK if alike(BLOCK * rows, x.device) else 1
        padding = -count % block
        x = torch.cat([x, x.new_zeros(padding, rows, WIDTH)])
        attributes = torch.cat([attributes, attributes.new_zeros(padding, *attributes.shape[1:])])
        parts = [
            follow(Field(self._flow, told.flatten(0, 1)), points.flatten(0, 1), start, end, self._steps)
            for points, told in zip(torch.split(x, block), torch.split(attributes, block), strict=True)
        ]
        return torch.cat(parts).reshape(-1, rows, WIDTH)[:count]


def follow(field: Field, x: Tensor, start: float, end: float, steps: int) -> Tensor:
    """Points [R, 512] at the time ``start``, followed to ``end`` in equal steps."""
    step = (end - start) / steps
    for number in range(steps):
        velocities: list[Tensor] = []
        for at, shares in zip(TIMES[:-1], STAGES[:-1], strict=True):
            point = ahead(x, velocities, shares, step)
            velocities.append(field.velocity(start + (number + at) * step, point))
        x = ahead(x, velocities, STAGES[-1], step)
    return x


def _where_changed(before: Tensor, after: Tensor, edited: Tensor, rows: Tensor) -> Tensor:
    """Rows [B, R, 512] as edited where their attributes [B, R, 17] changed, else as they are."""
    return torch.where((before != after).any(-1, keepdim=True), edited, rows)


@lru_cache(maxsize=64)
def alike(rows: int, device: torch.device) -> bool:
    """Whether this machine gives each row of a product [rows, 512] x [512, 512] the same bits wherever it stands.

    Libraries choose how to add up by the shape, and some by the place in it. Where they do, samples are multiplied one
    by one.
    """
    draw = torch.Generator().manual_seed(0)
    row = torch.randn(WIDTH, generator=draw).to(device)
    weight = torch.randn(WIDTH, WIDTH, generator=draw).to(device)
    product = linear(row.expand(rows, WIDTH).contiguous(), weight)
    return bool((product == product[:1]).all())
