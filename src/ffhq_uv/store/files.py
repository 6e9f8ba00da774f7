"""Where the stages keep their files, and writing so that nothing half-written passes for done."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from polars.io.plugins import register_io_source

from ffhq_uv.store.written import check_replaceable, remember

ARCHIVES = Path("data/archives")
TOPO_ASSETS = ARCHIVES / "topo_assets"
MANIFEST = Path("data/manifest.json")
CHAIN = Path("data/chain.json")
CHECKPOINTS = Path("data/checkpoints.json")
INDEX = Path("data/index.parquet")
QUARANTINE = Path("data/quarantine.parquet")
REFERENCE_INDEX = Path("data/reference-index.parquet")
LATENTS = Path("data/latents")
SAMPLE_CODES = LATENTS / "ffhq-uv.npy"
SAMPLES = Path("data/samples.parquet")
TRUTH = Path("data/truth.parquet")
"""What is really wrong with which sample, where that is known: in the studio; elsewhere it has no rows."""
PUBLISHED_TRUTH = ARCHIVES / TRUTH.name
NORMALISED = Path("data/normalised")
EMPTY = "empty.txt"
"""In a folder of DVC's that this run leaves empty: says why; of an empty one DVC warns at every turn."""
NORMALISED_CODES = NORMALISED / SAMPLE_CODES.name
NORMALISED_ATTRIBUTES = NORMALISED / "attributes.npy"
DATA_SET = Path("data/ffhq-uv")
REFERENCE_CODES = LATENTS / "reference.npy"
MEASUREMENTS = Path("data/measurements.parquet")
REFERENCE = Path("data/reference.parquet")
TEXTURE_TRUTH = Path("data/texture-truth.parquet")
KEPT = Path("data/kept.parquet")
DROPPED = Path("data/dropped.parquet")
BOUNDS = Path("data/bounds.parquet")
CATEGORIES = Path("data/categories.parquet")
RECIPES = Path("data/recipes.parquet")
INTERPOLATED = Path("data/ffhq-uv-interpolate")
REJECTED = Path("data/rejected.parquet")
INTERPOLATED_MEASUREMENTS = Path("data/interpolate-measurements.parquet")
METRICS = Path("metrics")
REPORTS = Path("reports")
PLOTS = Path("plots")
LOGS = Path("logs")

Schema = Mapping[str, pl.DataType | type[pl.DataType]]
"""The columns of a table, in their order."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A partial file beside ``path`` to write to; it takes the final name only if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        yield partial
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_directory(path: Path) -> Iterator[Path]:
    """An empty directory beside ``path`` to fill; it takes the final name only if the block succeeds.

    A lock keeps two runs (one of them perhaps orphaned by a killed ``dvc``) from filling it at the same time.
    Raises RuntimeError if another run holds it, and for a ``path`` that holds what this program did not write.
    """
    check_replaceable(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    with open(partial.with_suffix(".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{path}: another run is writing it; wait for it or stop it") from None
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        yield partial
        check_replaceable(path)  # something may have come meanwhile
        before = path.with_name(f".partial-{path.name}.before")
        shutil.rmtree(before, ignore_errors=True)
        remember(path, *(folder for folder in (path, partial) if folder.exists()))
        if path.exists():
            os.replace(path, before)
        os.replace(partial, path)
        remember(path, path)
        shutil.rmtree(before, ignore_errors=True)


def cannot_write(error: OSError) -> bool:
    """Whether an error says that the disk is full, or may not be written."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM}


def read_table(path: Path) -> pl.DataFrame:
    """A table that an earlier stage wrote. Raises FileNotFoundError that says how to get it."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: not there yet; `dvc repro` makes it, or the stage before this one")
    return pl.read_parquet(path)


def write_table(path: Path, table: pl.DataFrame) -> None:
    """Write a table as Parquet."""
    with replacing(path) as partial:
        write_parquet(partial, table)


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """Write Parquet to a path. A full disk is an OSError, as with any other file."""
    with _full_disk_told(path):
        table.write_parquet(path)


def write_batches(path: Path, batches: Iterable[pl.DataFrame], schema: Schema, size: int) -> None:
    """Write a table as Parquet that comes in batches, in row groups of ``size`` rows: it is never held as a whole."""
    table = register_io_source(lambda *_: iter(batches), schema=schema)
    with replacing(path) as partial, _full_disk_told(partial):
        table.sink_parquet(partial, row_group_size=size, maintain_order=True)


@contextlib.contextmanager
def _full_disk_told(path: Path) -> Iterator[None]:
    try:
        yield
    except pl.exceptions.PolarsError as error:
        if found := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
        raise


def write_csv(path: Path, table: pl.DataFrame) -> None:
    """Write a small table as CSV, for a DVC plot."""
    with replacing(path) as partial:
        table.write_csv(partial, float_precision=6)


def write_json(path: Path, value: Any) -> None:
    """Write JSON in a fixed form: indented, with a final newline. NaN is refused."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_metrics(data_set: str, row: dict[str, Any]) -> None:
    """Write metrics/<data set>.json: a row of the quality table, a key a column."""
    write_json(METRICS / f"{data_set}.json", _rounded(row))


def write_report(name: str, found: dict[str, Any]) -> None:
    """Write reports/<name>.json, what a stage counted and measured, its numbers to six digits after the point."""
    write_json(REPORTS / f"{name}.json", _rounded(found))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 6) if isinstance(value, float) else value
