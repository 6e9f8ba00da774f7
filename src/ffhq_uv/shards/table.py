"""The table of a stage's rows, written without being held: what is long stays in the shards' files until then."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from ffhq_uv.shards.work import Work
from ffhq_uv.store import files

SHARD = "shard"
"""Column of rows whose long columns are elsewhere: the shard that has them; null where no shard was finished."""

BATCH = 4096
"""Rows in memory at once, and in a row group of the file: 8 MB of embeddings of 512 numbers."""


def write_rows(path: Path, rows: pl.DataFrame, work: Work, schema: files.Schema) -> None:
    """Write rows as Parquet, in their order, with the columns of ``schema``: those that ``rows`` lacks are long.

    rows    ``id``, unique, and `SHARD`, beside the short columns
    """
    long = [name for name in schema if name not in rows.columns]

    def whole(part: pl.DataFrame) -> pl.DataFrame:
        found = [work.rows(shard, ["id", *long]) for shard in part[SHARD].drop_nulls().unique(maintain_order=True)]
        none = pl.DataFrame(schema={name: schema[name] for name in ("id", *long)})
        return part.join(pl.concat([none, *found]), on="id", how="left", maintain_order="left").select(*schema)

    files.write_batches(path, map(whole, rows.iter_slices(BATCH)), schema, BATCH)
