"""measure: codes -> data/measurements.parquet (every sample) and data/reference.parquet (the un-normalised people)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import torch

from ffhq_uv.config import Config
from ffhq_uv.engine import local_map
from ffhq_uv.stages import files
from ffhq_uv.stages.chain import SCHEMA, build
from ffhq_uv.stages.codes import stored, whole
from ffhq_uv.stages.doctor import check
from ffhq_uv.stages.failures import check_failures
from ffhq_uv.stages.progress import progress
from ffhq_uv.stages.recorded import check_records, with_expressions


@dataclass(frozen=True)
class Shard:
    """Consecutive samples of a data set: their rows in its codes, their ids and recorded expressions (0 is neutral)."""

    codes: Path
    rows: list[int]
    ids: list[str]
    expressions: list[float | None]


def run(config: Config) -> None:
    """Measure both data sets; a sample that cannot be measured keeps its row, with the reason."""
    check(config)
    samples, reference = files.read_table(files.INDEX), files.read_table(files.REFERENCE_INDEX)
    check_records(config, samples, reference)
    samples, reference = (with_expressions(config, index) for index in (samples, reference))
    size = config.engine.shard
    shards = [*_shards(samples, files.SAMPLE_CODES, size), *_shards(reference, files.REFERENCE_CODES, size)]
    rows = {files.SAMPLE_CODES: _unread(samples), files.REFERENCE_CODES: _unread(reference)}
    with progress(sum(len(shard.ids) for shard in shards), "measure") as bar:
        results = local_map(partial(_measure, config), shards, config.engine.workers)
        for shard, measured in zip(shards, results, strict=True):
            rows[shard.codes] += measured
            bar.update(len(measured))
    for codes, out in ((files.SAMPLE_CODES, files.MEASUREMENTS), (files.REFERENCE_CODES, files.REFERENCE)):
        table = pl.DataFrame(rows[codes], SCHEMA).sort("id")
        check_failures(table["reason"], config.failures.max_share, f"measure: {codes.stem}")
        files.write_table(out, table)


def _shards(index: pl.DataFrame, codes: Path, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(codes, part["row"].to_list(), part["id"].to_list(), part["expression"].to_list())


def _unread(index: pl.DataFrame) -> list[dict[str, object]]:
    """The rows of samples that could not be read."""
    return index.filter(pl.col("reason").is_not_null()).select("id", "reason").to_dicts()


def _measure(config: Config, shard: Shard) -> list[dict[str, object]]:
    chain = build(config)
    latents = torch.from_numpy(whole(stored(shard.codes)[shard.rows]))
    if shard.codes == files.REFERENCE_CODES:
        samples = chain.people(latents, shard.ids)
    else:
        samples = chain.samples(latents, shard.ids, shard.expressions)
    return [sample.row() for sample in samples]
