"""measure: codes -> data/measurements.parquet (every sample) and data/reference.parquet (the un-normalised people)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch

from ffhq_uv.config import Config
from ffhq_uv.engine import local_map
from ffhq_uv.stages import files
from ffhq_uv.stages.chain import SCHEMA, build
from ffhq_uv.stages.failures import check_failures
from ffhq_uv.stages.progress import progress


@dataclass(frozen=True)
class Shard:
    """Consecutive samples of a data set: their rows in its codes, their ids and recorded smiles (0..1)."""

    codes: Path
    rows: list[int]
    ids: list[str]
    smiles: list[float | None]


def run(config: Config) -> None:
    """Measure both data sets; a sample that cannot be measured keeps its row, with the reason."""
    for index, codes, out in (
        (files.INDEX, files.SAMPLE_CODES, files.MEASUREMENTS),
        (files.REFERENCE_INDEX, files.REFERENCE_CODES, files.REFERENCE),
    ):
        table = pl.read_parquet(index)
        rows = table.filter(pl.col("reason").is_not_null()).select("id", "reason").to_dicts()
        shards = list(_shards(table, codes, config.engine.shard))
        with progress(len(table) - len(rows), f"measure {codes.stem}") as bar:
            for samples in local_map(partial(_measure, config), shards, config.engine.workers):
                rows += samples
                bar.update(len(samples))
        measurements = pl.DataFrame(rows, SCHEMA).sort("id")
        check_failures(measurements["reason"], config.failures.max_share, f"measure: {codes.stem}")
        files.write_table(out, measurements)


def _shards(index: pl.DataFrame, codes: Path, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(codes, part["row"].to_list(), part["id"].to_list(), part["smile"].to_list())


def _measure(config: Config, shard: Shard) -> list[dict[str, object]]:
    chain = build(config)
    latents = torch.from_numpy(np.load(shard.codes, mmap_mode="r")[shard.rows])
    if shard.codes == files.REFERENCE_CODES:
        samples = chain.people(latents, shard.ids)
    else:
        samples = chain.samples(latents, shard.ids, shard.smiles)
    return [sample.row() for sample in samples]
