"""What an edit is: attributes that get other values, and the layers that follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ffhq_uv.editing.slots import BALDNESS, GLASSES, LIGHT, PITCH, YAW

EVEN_LIGHT = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""From everywhere alike."""


@dataclass(frozen=True)
class Edit:
    """Set attributes, and take these layers of the code from what the flow makes of it.

    name      of the edit, or of the view that it makes
    targets   slot (`slots`) to value
    layers    of the code, out of 0..17
    """

    name: str
    targets: Mapping[int, float]
    layers: range

    def of(self, attributes: Tensor) -> Tensor:
        """Attributes [..., 17] after the edit."""
        after = attributes.clone()
        for slot, value in self.targets.items():
            after[..., slot] = value
        return after

    @property
    def rows(self) -> slice:
        """Of a code, those that follow."""
        return slice(self.layers.start, self.layers.stop)


def along(attributes: Tensor, edits: Sequence[Edit]) -> Tensor:
    """Attributes [B, 17] before the first edit, after it, and after each of the others: [len(edits) + 1, B, 17]."""
    path = [attributes]
    for edit in edits:
        path.append(edit.of(path[-1]))
    return torch.stack(path)


def light(coefficients: Sequence[float], layers: range = range(7, 12)) -> Edit:
    """The edit to a light of nine spherical harmonics."""
    return Edit("light", dict(zip(range(LIGHT.start, LIGHT.stop), coefficients, strict=True)), layers)


PUBLISHED = (
    light(EVEN_LIGHT),
    Edit("glasses", {GLASSES: 0.0}, range(2, 4)),
    Edit("yaw", {YAW: 0.0}, range(4)),
    Edit("pitch", {PITCH: 0.0}, range(4)),
    Edit("baldness", {BALDNESS: 1.0}, range(6)),
)
"""The edits of the data set in their order, each kept."""
PUBLISHED_VIEWS = (Edit("right", {YAW: -30.0}, range(4)), Edit("left", {YAW: 30.0}, range(4)))
"""The side views, each made of the front."""
