"""measure: codes -> data/measurements.parquet (every sample) and data/reference.parquet (the un-normalised people)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from tqdm import tqdm

from ffhq_uv.config import Config
from ffhq_uv.engine import local_map
from ffhq_uv.stages import files
from ffhq_uv.stages.chain import Sample, build, check_failures


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
        (files.INDEX, files.LATENTS / "ffhq-uv.npy", files.MEASUREMENTS),
        (files.REFERENCE_INDEX, files.LATENTS / "reference.npy", files.REFERENCE),
    ):
        table = pl.read_parquet(index)
        unread = table.filter(pl.col("reason").is_not_null()).select("id", "reason").to_dicts()
        shards = list(_shards(table, codes, config.engine.shard))
        rows = []
        with tqdm(total=sum(len(shard.ids) for shard in shards), desc=f"measure {codes.stem}", unit="sample") as bar:
            for samples in local_map(partial(_measure, config), shards, config.engine.workers):
                rows += samples
                bar.update(len(samples))
        check_failures([row["reason"] for row in rows + unread], config.failures.max_share, "measure")
        files.write_table(out, pl.DataFrame(rows + unread, infer_schema_length=None).sort("id"))


def _shards(index: pl.DataFrame, codes: Path, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(codes, part["row"].to_list(), part["id"].to_list(), part["smile"].to_list())


def _measure(config: Config, shard: Shard) -> list[dict[str, object]]:
    chain = build(config)
    latents = torch.from_numpy(np.load(shard.codes, mmap_mode="r")[shard.rows])
    samples: list[Sample] = (
        chain.samples(latents, shard.ids, shard.smiles) if latents.shape[1] > 1 else chain.people(latents, shard.ids)
    )
    return [sample.row() for sample in samples]
