"""The people before as FFHQ shows them: identities of its own pictures, in place of faces drawn from inverted codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ffhq_uv.chain.build import build_identity
from ffhq_uv.chain.encoders import Encoder
from ffhq_uv.chain.measurements import Sample
from ffhq_uv.config import Config
from ffhq_uv.faults import PassingError
from ffhq_uv.formats.photographs import PhotographError, read_photograph
from ffhq_uv.once import once_a_run


def photographed(config: Config, folder: Path, names: Sequence[str]) -> list[Sample]:
    """Identity embeddings of aligned pictures, each by itself, whatever its size."""
    return [_person(_encoder(config), folder, name) for name in names]


def _person(encoder: Encoder, folder: Path, name: str) -> Sample:
    try:
        picture = read_photograph((folder / name).read_bytes(), name)
    except PhotographError as error:
        return Sample(name, str(error))
    except OSError as error:
        raise PassingError(f"{folder / name}: {error.strerror or error}") from error
    height, width = picture.shape[:2]
    if height != width:
        return Sample(name, f"not_aligned: {width} x {height} pixels, a square as FFHQ publishes them expected")
    face = torch.from_numpy(picture)[None, None]
    who = encoder(face, torch.zeros(1, 1, 18, 512), [name], None)
    if who.reasons[0] is not None:
        return Sample(name, who.reasons[0])
    return Sample(name, None, {"note": who.notes[0], "identity": who.vectors[0].tolist()})


@once_a_run
def _encoder(config: Config) -> Encoder:
    return build_identity(config, None)
