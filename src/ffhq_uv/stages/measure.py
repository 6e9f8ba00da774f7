"""measure: codes -> data/measurements.parquet (every sample) and data/reference.parquet (the un-normalised people).

Samples that were normalised here have no published maps: theirs are kept, and are FFHQ-UV itself, data/ffhq-uv in the
published layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.archive.writing import sample_files, write_face_latents, write_meta_info, write_uv_map
from ffhq_uv.chain.measurements import LONG, SCHEMA
from ffhq_uv.chain.recorded import check_records, with_expressions
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import Config
from ffhq_uv.formats.photographs import SUFFIXES
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.phases import phase
from ffhq_uv.shards.run import running
from ffhq_uv.shards.table import write_rows
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.codes import sample_codes, stored, whole
from ffhq_uv.store.data_set import put_together


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


@dataclass(frozen=True)
class Pictures:
    """Some of FFHQ's own pictures, which stand for the people before: their paths in a folder."""

    folder: Path
    ids: list[str]
    label: str = files.REFERENCE.stem

    def ones(self) -> list[Pictures]:
        """A shard for every picture."""
        return [Pictures(self.folder, [id]) for id in self.ids]


def run(config: Config) -> None:
    """Measure both data sets; a sample that cannot be measured keeps its row, with the reason."""
    check(config)
    samples, reference = files.read_table(files.SAMPLES), files.read_table(files.REFERENCE_INDEX)
    check_records(config, samples, reference)
    samples, reference = (with_expressions(config, index) for index in (samples, reference))
    size = config.engine.shard
    codes = sample_codes()
    folder = config.source.reference_images
    people = _shards(reference, files.REFERENCE_CODES, size) if folder is None else _pictures(folder, size)
    shards = [*_shards(samples, codes, size), *people]
    with running("measure", config, SCHEMA) as run:
        measured = run.rows(partial(_measure, config), shards, LONG)
        if measured is None:
            return
        count = samples["reason"].null_count()
        for index, rows, source, out in (
            (samples, measured[:count], codes, files.MEASUREMENTS),
            (reference, measured[count:], files.REFERENCE_CODES, files.REFERENCE),
        ):
            unread = index.filter(pl.col("reason").is_not_null()).select("id", "reason")
            told = [rows] if index is reference and folder is not None else [rows, unread]
            table = pl.concat(told, how="diagonal").sort("id")
            check_failures(table["reason"], config.failures.max_share, f"measure: {source.stem}")
            write_rows(out, table, run.work, SCHEMA)
        with files.replacing_directory(files.DATA_SET) as out:
            if codes == files.NORMALISED_CODES:
                made = samples.join(measured[:count].filter(pl.col("reason").is_null()), on="id", how="semi")
                put_together(run.work.folder, made["id"].to_list(), out)
                write_meta_info(out / "meta-info.json", _meta_info(made))
            else:
                (out / files.EMPTY).write_text("normalise=off: the data set is the published one, in data/archives\n")


def _meta_info(made: pl.DataFrame) -> dict[str, dict[str, object]]:
    """``meta-info.json`` of samples made; where each is in FFHQ is told."""
    columns = {"Age": "age", "Beard": "beard", "Gender": "gender", "Index-in-FFHQ": "ffhq_index"}
    return {row["id"]: {name: row[column] for name, column in columns.items()} for row in made.iter_rows(named=True)}


def _shards(index: pl.DataFrame, codes: Path, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(codes, part["row"].to_list(), part["id"].to_list(), part["expression"].to_list())


def _pictures(folder: Path, size: int) -> Iterator[Pictures]:
    """Raises FileNotFoundError where there are none."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not names:
        raise FileNotFoundError(f"source.reference_images: no pictures below {folder}")
    for start in range(0, len(names), size):
        yield Pictures(folder, names[start : start + size])


def _measure(config: Config, work: Work, shard: Shard | Pictures) -> tuple[pl.DataFrame, list[Path]]:
    import torch  # here: it loads for seconds, and the run itself does without

    from ffhq_uv.chain.chain import build
    from ffhq_uv.chain.photographed import photographed

    if isinstance(shard, Pictures):
        people = photographed(config, shard.folder, shard.ids)
        return pl.DataFrame([person.row() for person in people], SCHEMA), []
    chain = build(config)
    with phase("decode"):
        latents = torch.from_numpy(whole(stored(shard.codes)[shard.rows]))
    if shard.codes == files.REFERENCE_CODES:
        samples = chain.people(latents, shard.ids)
    else:
        samples = chain.samples(latents, shard.ids, shard.expressions)
    written = []
    if shard.codes == files.NORMALISED_CODES:
        attributes = np.load(files.NORMALISED_ATTRIBUTES, mmap_mode="r")[shard.rows]
        with phase("encode"):
            for sample, code, told in zip(samples, latents.numpy(), attributes, strict=True):
                if sample.reason is None and sample.texture is not None:
                    write_uv_map(work.folder, sample.id, sample.texture)
                    write_face_latents(work.folder, sample.id, code, told)
                    written += sample_files(work.folder, sample.id)
    return pl.DataFrame([sample.row() for sample in samples], SCHEMA), written
