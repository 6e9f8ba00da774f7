"""index: archives -> data/index.parquet, data/reference-index.parquet, their codes in data/latents/, and what is wrong
with samples that cannot be read in data/quarantine.parquet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.archive.catalogue import Catalogue, catalogue, read_latents
from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import LatentReader
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.notes import passed_over
from ffhq_uv.archive.wanted import Samples
from ffhq_uv.config import Config
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.progress import progress
from ffhq_uv.store import files
from ffhq_uv.store.codes import WIDTH, Codes, store
from ffhq_uv.store.limits import limits
from ffhq_uv.store.rows import LAYERS

BATCH = 64
"""Samples in memory at once, 7 MB twice: they are read in turns into the same memory, which stays in the cache."""


def run(config: Config) -> None:
    """List the samples of both data sets and gather their codes; one that cannot be read keeps its row and reason."""
    pictures = config.generator.name == "recorded"
    found = catalogue(files.ARCHIVES, limits=limits(config), asked=asked_samples(), pictures=pictures)
    print(*said(found), sep="\n", flush=True)
    if found.samples.is_empty() and found.reference.is_empty():
        raise RuntimeError("index: no sample's codes came, so that nothing can be drawn; see data/manifest.json")
    with files.replacing_directory(files.LATENTS) as latents:
        samples = read(found.samples, latents / files.SAMPLE_CODES.name, 3, limits(config))
        reference = read(found.reference, latents / files.REFERENCE_CODES.name, 1, limits(config))
        tables = {"samples": samples, "reference": reference}
        files.write_table(files.QUARANTINE, quarantine(tables))
        for name, table in tables.items():
            check_failures(table["reason"], config.failures.max_share, f"index: {name}")
    here = {name: counts(table) | {"not_here": found.not_here[name]} for name, table in tables.items()}
    files.write_report("index", here)
    files.write_table(files.INDEX, samples)
    files.write_table(files.REFERENCE_INDEX, reference)


def asked_samples() -> Samples:
    """The samples that `pull` was asked for (``source.samples``); None: all."""
    if not files.MANIFEST.exists():
        return None
    samples: Samples = json.loads(files.MANIFEST.read_text()).get("asked", {}).get("samples")
    return samples


def said(found: Catalogue) -> Iterator[str]:
    """What was found, and what was not, for a person to read."""
    for name, table in (("samples", found.samples), ("reference", found.reference)):
        missing = f", {count:,} more are named and did not come (not_here)" if (count := found.not_here[name]) else ""
        yield f"{name}: {len(table):,}{missing}"
    if found.unread:
        yield f"no emotions from {len(found.unread):,} records of the face service, such as {found.unread[0]}"
    yield from passed_over(found.passed_over)


def read(table: pl.DataFrame, path: Path, views: int, bounds: Limits) -> pl.DataFrame:
    """The table with the reasons of the codes that could not be read; the codes go to a file (`codes.store`)."""
    reasons: list[str | None] = []
    with Archives(files.ARCHIVES, bounds) as archives, progress(len(table), f"index {path.stem}") as bar:
        reader = LatentReader(archives)
        two = np.empty((2, min(BATCH, len(table)), views, LAYERS, WIDTH), np.float32)

        def batches() -> Iterator[Codes]:
            reasons.clear()
            if bar.n:  # whole, after all
                bar.reset()
            for number, part in enumerate(table.iter_slices(BATCH)):
                codes = two[number % 2, : len(part)]
                reasons.extend(reason for _, reason in read_latents(reader, part, codes))
                bar.update(len(part))
                yield codes

        store(path, len(table), views, batches)
    return table.with_columns(reason=pl.Series(reasons, dtype=pl.String))


def quarantine(tables: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Every sample that is none, of both data sets: its id, a reason in one word, and all that is known of it."""
    bad = (
        table.filter(pl.col("reason").is_not_null()).select(
            pl.lit(name).alias("data_set"),
            "id",
            pl.col("reason").str.extract(r"^(\w+)").alias("reason"),
            pl.col("reason").alias("detail"),
        )
        for name, table in tables.items()
    )
    return pl.concat(bad)


def counts(table: pl.DataFrame) -> dict[str, int | dict[str, int]]:
    """How many samples were read, and how many were not, by reason."""
    reasons = Counter(reason.partition(":")[0] for reason in table["reason"].drop_nulls())
    return {
        "read": table["reason"].null_count(),
        "quarantined": reasons.total(),
        "reasons": dict(sorted(reasons.items())),
    }
