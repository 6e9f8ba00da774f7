"""A data set as the pipeline writes and the authors publish it: ``uv-maps/``, ``face-latents/``, records of samples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import LatentReader
from ffhq_uv.archive.scanning import scan
from ffhq_uv.archive.writing import METADATA
from ffhq_uv.geometry import VIEWS
from ffhq_uv.reading.table import values, without_gaps

PUBLISHED = {"Gender": "gender", "Age": "age", "Beard": "beard"}
"""Of meta-info.json: what this project calls it."""


class Folders:
    """Maps in folders or zips, codes in zips or folders; records in metadata.jsonl, or meta-info.json."""

    def __init__(self, root: Path) -> None:
        self.root = root
        members = [member for member in scan(root) if member.part in ("uv_map", "latent")]
        found = {(member.id, member.view): member.location for member in members}
        self.ids = sorted(member.id for member in members if member.part == "uv_map")
        self._maps = [found[id, None] for id in self.ids]
        self._codes = [[found.get((id, view)) for view in VIEWS] for id in self.ids]
        self._table = without_gaps(pl.DataFrame({"id": self.ids}).join(_records(root), on="id", how="left"))
        coded = all(location is not None for views in self._codes for location in views)
        self.columns = ("id", "image", *(["codes"] if coded else []), *self._table.columns[1:])
        self._reader: LatentReader | None = None

    def read(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """The values of these columns of a sample."""
        if self._reader is None:
            self._reader = LatentReader(Archives(self.root))
        found = values(self._table, row, [name for name in columns if name not in ("image", "codes")])
        if "image" in columns:
            found["image"] = self._reader.archives.read(self._maps[row])
        if "codes" in columns:
            found["codes"] = np.stack([self._reader.read(location) for location in self._codes[row] if location])
        return found

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_reader": None}


def _records(root: Path) -> pl.DataFrame:
    if (root / METADATA).exists():
        return pl.read_ndjson(root / METADATA, infer_schema_length=None).drop("file_name")
    path = root / "meta-info.json"
    records = json.loads(path.read_text()) if path.exists() else {}
    rows = [{"id": id} | {ours: record.get(name) for name, ours in PUBLISHED.items()} for id, record in records.items()]
    return pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame({"id": []}, {"id": pl.String})
