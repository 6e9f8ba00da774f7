"""Whom a face shows: the encoders of identities that a configuration can name, with what each needs beside the face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis import Analysis
from ffhq_uv.analysis.five_points import Finder
from ffhq_uv.geometry import FRONT, Geometry


@dataclass(frozen=True)
class Identities:
    """The front views' embeddings, float32 [B, D]; of each sample why it has none, or what to know of its own."""

    vectors: Tensor
    reasons: tuple[str | None, ...]
    notes: tuple[str | None, ...]


class Encoder(Protocol):
    """Embeds the front views of faces uint8 [B, V, H, W, 3], drawn from latents float32 [B, V, 18, 512].

    ``geometry`` is that of the faces where it is known already; that of the reference people is not.
    """

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str], geometry: Geometry | None) -> Identities:
        """Embed a batch."""
        ...


@dataclass(frozen=True)
class OfPictures:
    """Embeds fronts uint8 [B, H, W, 3] as they are."""

    embed: Callable[[Tensor], Tensor]

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str], geometry: Geometry | None) -> Identities:
        """See `Encoder`."""
        none = (None,) * len(ids)
        return Identities(self.embed(front(faces)), none, none)


@dataclass(frozen=True)
class OfAlignedFaces:
    """Embeds fronts by five points [B, 5, 2] each; whose cannot be found has no identity."""

    find: Finder
    embed: Callable[[Tensor, Tensor], Tensor]

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str], geometry: Geometry | None) -> Identities:
        """See `Encoder`."""
        points = self.find(faces, latents, ids)
        good = [row for row, reason in enumerate(points.reasons) if reason is None]
        if not good:
            return Identities(faces.new_zeros(len(ids), 0), points.reasons, points.notes)
        embedded = self.embed(front(faces)[good], points.xy[good])
        vectors = embedded.new_zeros(len(ids), embedded.shape[1])
        vectors[good] = embedded
        return Identities(vectors, points.reasons, points.notes)


@dataclass(frozen=True)
class OfFoundFaces:
    """Embeds fronts by their 68 landmarks [68, 2] each; in whose no face is found has no identity."""

    find: Callable[[NDArray[np.uint8]], NDArray[np.float64] | None]
    embed: Callable[[Tensor, Sequence[NDArray[np.float64]]], Tensor]

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str], geometry: Geometry | None) -> Identities:
        """See `Encoder`."""
        fronts = front(faces).contiguous()
        found = [self.find(face) for face in fronts.cpu().numpy()]
        reasons = tuple("no_landmarks:front" if landmarks is None else None for landmarks in found)
        good = [row for row, landmarks in enumerate(found) if landmarks is not None]
        none = (None,) * len(ids)
        if not good:
            return Identities(faces.new_zeros(len(ids), 0), reasons, none)
        embedded = self.embed(fronts[good], [landmarks for landmarks in found if landmarks is not None])
        vectors = embedded.new_zeros(len(ids), embedded.shape[1])
        vectors[good] = embedded
        return Identities(vectors, reasons, none)


@dataclass(frozen=True)
class OfHeads:
    """Takes the 3DMM identity coefficients of the front view."""

    analyse: Analysis

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str], geometry: Geometry | None) -> Identities:
        """See `Encoder`."""
        found = geometry or self.analyse(faces, latents, ids)
        return Identities(front(found.identity), found.reasons, found.notes or (None,) * len(ids))


def front(views: Tensor) -> Tensor:
    """The front view of [B, V, ...]; a single view is the front."""
    return views[:, min(FRONT, views.shape[1] - 1)]
