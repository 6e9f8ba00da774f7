"""Packed tars (WebDataset): where each member lies is found once, then any sample is read by itself."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np


class Tars:
    """Tars that `pack` wrote: ``<id>.png``, ``<id>.json`` and ``<id>.codes.npy`` of every sample."""

    def __init__(self, root: Path) -> None:
        self._paths = sorted(root.glob("*.tar"))
        self._places: dict[str, dict[str, tuple[int, int, int]]] = {}
        for number, path in enumerate(self._paths):
            try:
                with tarfile.open(path, "r:") as archive:
                    for member in archive:
                        id, _, kind = member.name.partition(".")
                        self._places.setdefault(id, {})[kind] = (number, member.offset_data, member.size)
            except tarfile.TarError as error:
                raise ValueError(f"{path}: no readable tar ({error})") from None
        self.ids = sorted(id for id, kinds in self._places.items() if "png" in kinds)
        if not self.ids:
            raise ValueError(f"{root}: no <id>.png in its tars")
        self._open: dict[int, BinaryIO] = {}
        coded = all("codes.npy" in self._places[id] for id in self.ids)
        self.columns = ("id", "image", *(["codes"] if coded else []), *self._record(self.ids[0]))

    def read(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """The values of these columns of a sample."""
        id = self.ids[row]
        plain = [name for name in columns if name not in ("id", "image", "codes")]
        record = self._record(id) if plain else {}
        found: dict[str, Any] = {name: record[name] for name in plain} | ({"id": id} if "id" in columns else {})
        if "image" in columns:
            found["image"] = self._member(id, "png")
        if "codes" in columns:
            found["codes"] = np.lib.format.read_array(io.BytesIO(self._member(id, "codes.npy")), allow_pickle=False)
        return {name: found[name] for name in columns}

    def _record(self, id: str) -> dict[str, Any]:
        """A sample's record; what is null is NaN, or no text."""
        if "json" not in self._places[id]:
            return {}
        record = json.loads(self._member(id, "json"))
        texts = ("category", "skin_tone_class", "note")
        gaps = {name: "" if name in texts else float("nan") for name, value in record.items() if value is None}
        return {name: value for name, value in (record | gaps).items() if name != "id"}

    def _member(self, id: str, kind: str) -> bytes:
        number, offset, size = self._places[id][kind]
        if number not in self._open:
            self._open[number] = self._paths[number].open("rb")
        # Not by seek and read: a DataLoader's workers, which are forked, share this file's place.
        return os.pread(self._open[number].fileno(), size, offset)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}
