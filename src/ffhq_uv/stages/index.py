"""index: archives -> data/index.parquet, data/reference-index.parquet and their codes in data/latents/."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.archive.catalogue import catalogue, read_latents
from ffhq_uv.config import Config
from ffhq_uv.stages import files
from ffhq_uv.stages.codes import shrink
from ffhq_uv.stages.failures import check_failures
from ffhq_uv.stages.progress import progress


def run(config: Config) -> None:
    """List the samples of both data sets and gather their codes; one that cannot be read keeps its row and reason."""
    found = catalogue(files.ARCHIVES)
    if found.unread:
        print(f"no emotions from {len(found.unread):,} records of the face service, such as {found.unread[0]}")
    with files.replacing_directory(files.LATENTS) as latents:
        samples = _read(found.samples, latents / files.SAMPLE_CODES.name, views=3)
        reference = _read(found.reference, latents / files.REFERENCE_CODES.name, views=1)
        for table, what in ((samples, "samples"), (reference, "reference")):
            check_failures(table["reason"], config.failures.max_share, f"index: {what}")
        shrink(latents / files.SAMPLE_CODES.name)
    files.write_table(files.INDEX, samples)
    files.write_table(files.REFERENCE_INDEX, reference)


def _read(table: pl.DataFrame, path: Path, views: int) -> pl.DataFrame:
    """The table with the reasons of the codes that could not be read; the codes float32 [n, views, 18, 512] as .npy."""
    shape = (len(table), views, 18, 512)
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    reasons: list[str | None] = []
    with progress(len(table), f"index {path.stem}") as bar:
        for _, reason in read_latents(files.ARCHIVES, table, out):
            reasons.append(reason)
            bar.update()
    out.flush()
    return table.with_columns(reason=pl.Series(reasons, dtype=pl.String))
