"""Valid texture area: how much of the face at least one view really shows."""

from __future__ import annotations

from torch import Tensor


def valid_area_ratio(coverage: Tensor, face: Tensor) -> Tensor:
    """Share of the face's texels that are taken from a view: |(union of the views' coverage) and F| / |F|.

    coverage    bool [B, V, S, S], the texels taken from each view
    face        bool [S, S], F: the union of the topology's minor valid masks

    Returns float32 [B], 0..1. Raises ValueError if the sizes differ or F is empty.
    """
    if coverage.shape[-2:] != face.shape:
        raise ValueError(f"face: {list(face.shape)} texels found, {list(coverage.shape[-2:])} expected as in coverage")
    if not face.any():
        raise ValueError("face: no texel found; the minor valid masks of the topology are empty")
    return (coverage.any(dim=1) & face).sum(dim=(1, 2)) / face.sum()
