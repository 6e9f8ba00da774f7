"""Faces and geometry in, UV maps and their coverage out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ffhq_uv.geometry import Geometry


@dataclass(frozen=True)
class Textures:
    """The UV maps of a batch of ``B`` samples at map size ``S``.

    maps        uint8 [B, S, S, 3] RGB, row 0 is v = 1
    coverage    bool  [B, 3, S, S], the texels really taken from the left, front and right view
    reasons     per sample: None, or why it has no texture (its map and coverage are then zeros)
    """

    maps: Tensor
    coverage: Tensor
    reasons: tuple[str | None, ...]


class Texturer(Protocol):
    """Turns the three faces of every sample (uint8 [B, 3, H, W, 3] RGB) and their geometry into UV maps."""

    def __call__(self, faces: Tensor, geometry: Geometry) -> Textures: ...
