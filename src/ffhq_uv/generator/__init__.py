"""Latents to faces: anything that draws the views of a batch of W+ codes is a `Generator`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # whoever only needs a name of this room need not wait for torch
    from torch import Tensor


class Generator(Protocol):
    """Draws faces."""

    def __call__(self, latents: Tensor, ids: Sequence[str]) -> tuple[Tensor, tuple[str | None, ...]]:
        """Draw the views of a batch.

        latents     float32 [B, V, 18, 512], V = 3 in the order of `geometry.VIEWS`, or 1
        ids         the sample of each row

        Returns the faces, uint8 RGB [B, V, H, W, 3], and per sample None or why it has none (its faces are zero).
        """
        ...
