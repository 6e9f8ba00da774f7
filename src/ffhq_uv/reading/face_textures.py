"""A torch `Dataset` over a data set on disk, whichever way it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ffhq_uv.formats.png import read_png
from ffhq_uv.reading.folders import Folders
from ffhq_uv.reading.shards import Shards
from ffhq_uv.reading.tars import Tars


class Stored(Protocol):
    """A data set on disk: its samples' ids, its columns, and one sample's values (the picture as its file's bytes)."""

    ids: list[str]
    columns: tuple[str, ...]

    def read(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """The values of these columns of a sample."""


class FaceTextures(Dataset[dict[str, Any]]):
    """FFHQ-UV or FFHQ-UV-Interpolate from a folder: ``uv-maps/`` and ``face-latents/``, ``data/*.parquet``, ``*.tar``.

    root       the folder
    columns    which to read; None: all that there are

    A sample is a dict: ``id``; ``image`` uint8 [3, S, S] RGB, a view of channels-last memory; ``codes`` float32
    [3, 18, 512], the W+ codes of the left, front and right face; and numbers and texts such as ``age``. A number that
    is not there is NaN, a text is empty, so that samples can be collated. Samples are read when they are asked for, in
    the order of their ids; an instance can be sent to a DataLoader's workers.

    Raises FileNotFoundError for a folder of neither kind, ValueError for a column that it does not have, or a picture
    that cannot be decoded.
    """

    def __init__(self, root: str | Path, columns: Sequence[str] | None = None) -> None:
        self.stored = _open(Path(root))
        self.columns = tuple(self.stored.columns if columns is None else columns)
        if unknown := set(self.columns) - set(self.stored.columns):
            raise ValueError(
                f"{root}: no column {', '.join(sorted(unknown))}; there are {', '.join(self.stored.columns)}"
            )

    @property
    def ids(self) -> list[str]:
        """The samples' ids, in their order."""
        return self.stored.ids

    def __len__(self) -> int:
        return len(self.stored.ids)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """The sample at a place, from 0, or from -1 back. Raises IndexError."""
        if not -len(self) <= row < len(self):
            raise IndexError(f"sample {row} of {len(self)}")
        found = self.stored.read(row % len(self), self.columns)
        if "image" in found:
            found["image"] = _decoded(found["image"], self.ids[row])
        if "codes" in found:
            found["codes"] = torch.from_numpy(found["codes"])
        return found


def _open(root: Path) -> Stored:
    if any(root.glob("*.tar")):
        return Tars(root)
    if any(root.glob("data/*.parquet")) or any(root.glob("*.parquet")):
        return Shards(root)
    if (root / "uv-maps").is_dir():
        return Folders(root)
    raise FileNotFoundError(f"{root}: no data set; expected uv-maps/, data/*.parquet or *.tar in it")


def _decoded(image: bytes, id: str) -> Tensor:
    if image[:4] == b"RIFF":  # WebP, as `publish maps=webp` writes
        pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR_RGB)
        if pixels is None:
            raise ValueError(f"{id}: its picture is damaged")
    else:
        pixels = read_png(image, id)
    return torch.from_numpy(pixels).permute(2, 0, 1)
