"""The studio as a generator: the codes of its own people drawn as faces."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ffhq_uv.studio.render import faces


class StudioGenerator:
    """Draws faces of ``size`` pixels a side with ``samples`` x ``samples`` samples in every pixel."""

    def __init__(self, size: int, samples: int) -> None:
        if size < 16 or samples < 1:
            raise ValueError(f"size {size} and samples {samples}: expected at least 16 and 1")
        self.size = size
        self.samples = samples

    def __call__(self, latents: Tensor, ids: Sequence[str]) -> tuple[Tensor, tuple[str | None, ...]]:
        """See `generator.Generator`. A code that is not finite gives the reason ``latent_nonfinite``."""
        batch, views = latents.shape[:2]
        codes = latents.detach().cpu().numpy()
        drawn = torch.zeros((batch, views, self.size, self.size, 3), dtype=torch.uint8)
        reasons: list[str | None] = [None] * batch
        for row, finite in enumerate(torch.isfinite(latents).flatten(1).all(1).tolist()):
            if finite:
                drawn[row] = torch.from_numpy(faces(list(codes[row]), self.size, self.samples))
            else:
                reasons[row] = "latent_nonfinite"
        return drawn.to(latents.device), tuple(reasons)
