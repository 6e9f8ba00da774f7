"""Faces to geometry: anything that says where a head's vertices land in its views is an `Analysis`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # whoever only needs a name of this room need not wait for torch
    from torch import Tensor

    from ffhq_uv.geometry import Geometry


class Analysis(Protocol):
    """Finds the head in faces."""

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> Geometry:
        """Analyse a batch.

        faces       uint8 RGB [B, V, H, W, 3], V = 3 in the order of `geometry.VIEWS`, or 1
        latents     float32 [B, V, 18, 512], the codes that the faces were drawn from
        ids         the sample of each row
        """
        ...
