"""A published data set: Parquet shards whose row groups are small."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ffhq_uv.reading.table import values, without_gaps

LARGE = ("image", "codes", "head", "mesh")
"""Columns that are read when they are asked for, with the row group that holds them."""


class Shards:
    """Parquet files in ``data/``, or in the folder itself. Needs pyarrow (the extra ``publish``)."""

    def __init__(self, root: Path) -> None:
        import pyarrow.parquet as pq

        self._paths = sorted(root.glob("data/*.parquet")) or sorted(root.glob("*.parquet"))
        self._groups, self._starts, tables = list[tuple[int, int]](), [0], []
        for place, path in enumerate(self._paths):
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    self._groups.append((place, group))
                    self._starts.append(self._starts[-1] + file.metadata.row_group(group).num_rows)
                names = file.schema_arrow.names
            tables.append(pl.read_parquet(path, columns=[name for name in names if name not in LARGE]))
        self._table = without_gaps(pl.concat(tables))
        self.columns = tuple(names)
        self.ids = self._table["id"].to_list()
        self._files: dict[int, Any] = {}
        self._last: tuple[Any, ...] = ()
        self._part: Any = None

    def read(self, row: int, columns: Sequence[str]) -> dict[str, Any]:
        """The values of these columns of a sample; the row group that was read last is kept."""
        found = values(self._table, row, [name for name in columns if name not in LARGE])
        large = [name for name in columns if name in LARGE]
        if large:
            group = bisect_right(self._starts, row) - 1
            part, place = self._group(group, large), row - self._starts[group]
            for name in large:
                column = part.column(name).chunk(0)
                is_file = name in ("image", "mesh")
                found[name] = _bytes(column.field("bytes"), place) if is_file else _array(column, place)
        return found

    def _group(self, group: int, columns: list[str]) -> Any:
        import pyarrow.parquet as pq

        if self._last != (group, *columns):
            place, number = self._groups[group]
            if place not in self._files:
                self._files[place] = pq.ParquetFile(self._paths[place], memory_map=True)
            self._part = self._files[place].read_row_group(number, columns, use_threads=False).combine_chunks()
            self._last = (group, *columns)
        return self._part

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_files": {}, "_last": (), "_part": None}


def _bytes(column: Any, place: int) -> bytes:
    """A binary value, copied once (a pyarrow scalar is a copy, and turning that into bytes another)."""
    wide = column.type.equals("large_binary")
    _, ends, values = column.buffers()
    start, end = np.frombuffer(ends, np.int64 if wide else np.int32)[column.offset + place :][:2].tolist()
    return bytes(memoryview(values)[start:end])


def _array(column: Any, place: int) -> np.ndarray[Any, Any]:
    """The array of one sample out of a column of nested lists, all samples' of one shape."""
    shape = [len(column)]
    while hasattr(column, "flatten") and hasattr(column.type, "value_type"):
        inner = column.flatten()
        shape.append(len(inner) // max(1, len(column)))
        column = inner
    return np.array(column.to_numpy(zero_copy_only=False).reshape(shape)[place])
