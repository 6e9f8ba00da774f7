"""Identity embeddings of front faces by an encoder that needs no weights."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

FACE = (300, 900, 212, 812)
"""The face of an FFHQ-aligned image of 1024, brows to chin: row0, row1, column0, column1, ends excluded."""

_GRID = 32
_LUMA_WAVES, _CHROMA_WAVES = 12, 4


def dct_embedding(fronts: Tensor) -> Tensor:
    """Low frequencies of the face: an encoder that needs no weights.

    fronts    uint8 [B, H, H, 3], RGB, aligned as FFHQ

    Returns float32 [B, 175]. The face is averaged down to a 32 x 32 grid, its colours become log G, log R/G
    and log B/G (a brighter exposure adds a constant to the first and nothing to the others), and a window
    fades out what surrounds the face. Of log G, its mean taken away, the 12 x 12 lowest waves of the 2-D DCT
    are kept but for the constant, each times its frequency, which levels the 1/f spectrum of pictures (Field,
    1987): features weigh as much as shading. Of the chroma planes the 4 x 4 lowest waves, skin colour among
    them.

    In double precision, so that rounded it is the same on every processor, whose sums and logarithms differ.
    It compares faces as patterns and knows nothing of pose or light: its figures compare only with its own.
    """
    size = fronts.shape[1]
    row0, row1, column0, column1 = (round(edge * size / 1024) for edge in FACE)
    face = fronts[:, row0:row1, column0:column1].permute(0, 3, 1, 2).double()
    red, green, blue = (functional.adaptive_avg_pool2d(face, _GRID) + 1).log().unbind(1)

    window = _window(_GRID).to(fronts.device)
    luma = (green - (green * window).sum((1, 2), keepdim=True) / window.sum()) * window
    cosines = _cosines(_GRID).to(fronts.device)
    waves = torch.arange(_LUMA_WAVES, device=fronts.device)
    frequency = (waves[:, None] ** 2 + waves[None, :] ** 2).sqrt()  # half periods a face
    low, lowest = cosines[:_LUMA_WAVES], cosines[:_CHROMA_WAVES]
    pattern = (low @ luma @ low.T * frequency).flatten(1)[:, 1:]
    colour = [(lowest @ ((plane - green) * window) @ lowest.T).flatten(1) for plane in (red, blue)]
    return torch.cat([pattern, *colour], dim=1).float()


@lru_cache(maxsize=2)
def _window(size: int) -> Tensor:
    """1 in the middle, 0 from the inscribed circle on, a cosine between. float64 [size, size]."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) * 2 / size - 1
    radius = (place[:, None] ** 2 + place[None, :] ** 2).sqrt()
    return 0.5 + 0.5 * torch.cos(math.pi * ((radius - 0.5) / 0.5).clamp(0, 1))


@lru_cache(maxsize=2)
def _cosines(size: int) -> Tensor:
    """The orthonormal DCT-II, float64 [wave, place]."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) * math.pi / size
    cosines = torch.cos(torch.arange(size)[:, None] * place) * math.sqrt(2 / size)
    cosines[0] /= math.sqrt(2)
    return cosines
