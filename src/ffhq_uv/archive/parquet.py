"""Codes in Parquet shards, as a published data set has them: columns ``id`` and ``codes``, nested lists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.archive.codes import as_codes
from ffhq_uv.archive.containers import ArchiveError

SUFFIX = ".parquet"
ROWS = 64
"""Rows that are read at once: 7 MB of codes."""


def parquet_codes(path: Path) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """The codes of a shard, some rows at a time: their ids, and float32 [n, V, L, 512]; other columns are not read.

    Raises ArchiveError for a file that is damaged, has no such columns, or lists of unequal lengths.
    """
    try:
        table = pl.scan_parquet(path).select("id", "codes")
        types = table.collect_schema()
        rows = table.select(pl.len()).collect().item()
    except Exception as error:
        raise ArchiveError(f"{path}: holds no codes with their ids ({_brief(error)})") from error
    if types["id"] != pl.String:
        raise ArchiveError(f"{path}: holds no codes with their ids (id is {types['id']})")
    for start in range(0, rows, ROWS):
        try:
            part = table.slice(start, ROWS).collect()
        except Exception as error:
            raise ArchiveError(f"{path}: damaged Parquet ({_brief(error)})") from error
        if part["id"].null_count():
            raise ArchiveError(f"{path}: a sample without an id")
        yield part["id"].to_list(), as_codes(_array(part["codes"], path), str(path))


def _array(column: pl.Series, path: Path) -> NDArray[np.float32]:
    """Nested lists of one length each as an array."""
    shape = [len(column)]
    while isinstance(column.dtype, pl.List | pl.Array):
        column = column.cast(pl.List(column.dtype.inner)) if isinstance(column.dtype, pl.Array) else column
        lengths = column.list.len().unique()
        if len(lengths) != 1 or lengths[0] is None:
            raise ArchiveError(f"{path}: codes of unequal shapes")
        shape.append(int(lengths[0]))
        column = column.explode()
    if column.null_count():
        raise ArchiveError(f"{path}: a code with gaps")
    return column.to_numpy().reshape(shape)


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
