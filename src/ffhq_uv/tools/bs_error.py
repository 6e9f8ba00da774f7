"""bs-error: the BS error of UV maps as they are, in a folder and its zips, or in a zip."""

from __future__ import annotations

import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl
import torch
from pydantic import Field

from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import Archives, locations
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.worker import call
from ffhq_uv.generator.stylegan2.allocator import keep_freed_memory
from ffhq_uv.quality.bs_error import bs_error, mean_luma
from ffhq_uv.quality.interval import mean_interval
from ffhq_uv.shards.engines import cores
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.run import WORKER_DIED
from ffhq_uv.store.files import write_csv

SHARD = 8
"""Maps a job."""

SCHEMA = {"map": pl.String, "bs_error": pl.Float64, "bs_error_of_luma": pl.Float64, "reason": pl.String}


class Words(Declared):
    """What the tool is told."""

    maps: Path = Field(description="folder or zip of UV maps")
    out: Path | None = Field(None, description="CSV file to write: a row a map")


def run(words: Words) -> None:
    """Measure the maps and print their mean; the first that could not be measured go to stderr with the reason."""
    table = measure_maps(words.maps)
    if words.out is not None:
        write_csv(words.out, table)
    failed = table.drop_nulls("reason")
    for location, reason in failed.select("map", "reason").head(10).iter_rows():
        print(f"{location}: {reason}", file=sys.stderr)
    errors = table["bs_error"].drop_nulls()
    if len(errors) == 0:
        raise ValueError(f"{words.maps}: none of {len(table):,} maps could be measured")
    low, high = mean_interval(errors, seed=0)
    found = f"BS error {errors.to_numpy().mean():.3f} ({low:.3f} to {high:.3f} with 95 % confidence)"
    print(f"{found}, {len(errors):,} maps, {len(failed):,} could not be measured")


def measure_maps(maps: Path, workers: int | None = None) -> pl.DataFrame:
    """The BS error of every PNG below ``maps``, on all cores or by so many workers, sorted by location.

    Returns map, its location; bs_error, grey levels; bs_error_of_luma, per cent of the map's mean luma; reason, null or
    why it could not be measured. Raises FileNotFoundError where there is no PNG, ArchiveError for a damaged zip.
    """
    root = maps if maps.is_dir() else maps.parent
    found = sorted(locations(maps, ".png")) if maps.exists() else []
    if not found:
        raise FileNotFoundError(f"{maps}: no PNG found; a folder or a zip of UV maps expected")
    shards = [found[start : start + SHARD] for start in range(0, len(found), SHARD)]
    rows: list[dict[str, Any]] = []
    job = partial(call, Path.cwd(), partial(measure, root))
    with Engine(local(workers or cores())) as engine, progress(len(found), "bs-error", "map") as bar:
        lost: list[str] = []
        for outcome in engine.outcomes(job, shards):
            rows += outcome.result or []
            lost += outcome.job if outcome.lost else []
            bar.update(len(outcome.result or []))
        for outcome in engine.outcomes(job, [[location] for location in lost]):  # one of a shard's maps is to blame
            rows += outcome.result or [{"map": outcome.job[0], "reason": WORKER_DIED}]
            bar.update(1)
    return pl.DataFrame(rows, SCHEMA).sort("map")


def measure(root: Path, maps: list[str]) -> list[dict[str, Any]]:
    """The rows of some maps, which are given by location."""
    return [_measured(_archives(root), location) for location in maps]


def _measured(archives: Archives, location: str) -> dict[str, Any]:
    try:
        uv_map = torch.from_numpy(read_uv_map(archives, location))[None]
        error = bs_error(uv_map)
    except ValueError as problem:  # unreadable, or not square
        return {"map": location, "reason": str(problem)}
    return {"map": location, "bs_error": error.item(), "bs_error_of_luma": (100 * error / mean_luma(uv_map)).item()}


@lru_cache(maxsize=1)
def _archives(root: Path) -> Archives:
    """Open in a worker as long as it lives: a zip's list of members is read once, and memory is not faulted in anew."""
    keep_freed_memory()
    return Archives(root)
