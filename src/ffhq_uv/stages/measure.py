"""measure: codes -> data/measurements.parquet (every sample) and data/reference.parquet (the un-normalised people)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import torch

from ffhq_uv.chain.chain import SCHEMA, build
from ffhq_uv.chain.recorded import check_records, with_expressions
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import Config
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.phases import phase
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.codes import stored, whole


@dataclass(frozen=True)
class Shard:
    """Consecutive samples of a data set: their rows in its codes, their ids and recorded expressions (0 is neutral)."""

    codes: Path
    rows: list[int]
    ids: list[str]
    expressions: list[float | None]

    @property
    def label(self) -> str:
        """The data set."""
        return self.codes.stem

    def ones(self) -> list[Shard]:
        """A shard for every sample."""
        return [
            Shard(self.codes, [row], [id], [expression])
            for row, id, expression in zip(self.rows, self.ids, self.expressions, strict=True)
        ]


def run(config: Config) -> None:
    """Measure both data sets; a sample that cannot be measured keeps its row, with the reason."""
    check(config)
    samples, reference = files.read_table(files.INDEX), files.read_table(files.REFERENCE_INDEX)
    check_records(config, samples, reference)
    samples, reference = (with_expressions(config, index) for index in (samples, reference))
    size = config.engine.shard
    shards = [*_shards(samples, files.SAMPLE_CODES, size), *_shards(reference, files.REFERENCE_CODES, size)]
    with running("measure", config, SCHEMA) as run:
        measured = run.rows(partial(_measure, config), shards)
        if measured is None:
            return
        count = samples["reason"].null_count()
        for index, rows, codes, out in (
            (samples, measured[:count], files.SAMPLE_CODES, files.MEASUREMENTS),
            (reference, measured[count:], files.REFERENCE_CODES, files.REFERENCE),
        ):
            table = pl.concat([rows, _unread(index)]).sort("id").rechunk()
            check_failures(table["reason"], config.failures.max_share, f"measure: {codes.stem}")
            files.write_table(out, table)


def _shards(index: pl.DataFrame, codes: Path, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(codes, part["row"].to_list(), part["id"].to_list(), part["expression"].to_list())


def _unread(index: pl.DataFrame) -> pl.DataFrame:
    """The rows of samples that could not be read."""
    return pl.DataFrame(index.filter(pl.col("reason").is_not_null()).select("id", "reason").to_dicts(), SCHEMA)


def _measure(config: Config, _: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    chain = build(config)
    with phase("decode"):
        latents = torch.from_numpy(whole(stored(shard.codes)[shard.rows]))
    if shard.codes == files.REFERENCE_CODES:
        samples = chain.people(latents, shard.ids)
    else:
        samples = chain.samples(latents, shard.ids, shard.expressions)
    return pl.DataFrame([sample.row() for sample in samples], SCHEMA), []
