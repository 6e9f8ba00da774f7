"""``bs-error maps=PATH [out=FILE.csv]``: the BS error of UV maps as they are, in a folder and its zips, or in a zip."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl
import torch

from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import Archives, files, open_zip
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.worker import call
from ffhq_uv.generator.stylegan2.allocator import keep_freed_memory
from ffhq_uv.quality.bs_error import bs_error, mean_luma
from ffhq_uv.stages.engines import cores
from ffhq_uv.stages.progress import progress
from ffhq_uv.stages.shards import WORKER_DIED

SHARD = 8
"""Maps a job."""

SCHEMA = {"map": pl.String, "bs_error": pl.Float64, "bs_error_of_luma": pl.Float64, "reason": pl.String}


def measure_maps(maps: Path, workers: int | None = None) -> pl.DataFrame:
    """The BS error of every PNG below ``maps``, on all cores or by so many workers, sorted by location.

    Returns map, its location; bs_error, grey levels; bs_error_of_luma, per cent of the map's mean luma; reason, null or
    why it could not be measured. Raises FileNotFoundError where there is no PNG, ArchiveError for a damaged zip.
    """
    root = maps if maps.is_dir() else maps.parent
    locations = sorted(_locations(maps)) if maps.exists() else []
    if not locations:
        raise FileNotFoundError(f"{maps}: no PNG found; a folder or a zip of UV maps expected")
    shards = [locations[start : start + SHARD] for start in range(0, len(locations), SHARD)]
    rows: list[dict[str, Any]] = []
    job = partial(call, Path.cwd(), partial(measure, root))
    with Engine(local(workers or cores())) as engine, progress(len(locations), "bs-error", "map") as bar:
        for outcome in engine.outcomes(job, shards):
            rows += outcome.result or [{"map": location, "reason": WORKER_DIED} for location in outcome.job]
            bar.update(len(outcome.job))
    return pl.DataFrame(rows, SCHEMA).sort("map")


def measure(root: Path, locations: list[str]) -> list[dict[str, Any]]:
    """The rows of some maps."""
    return [_measured(_archives(root), location) for location in locations]


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


def _locations(maps: Path) -> Iterator[str]:
    root = maps if maps.is_dir() else maps.parent
    for path in files(maps) if maps.is_dir() else [maps]:
        location = path.relative_to(root).as_posix()
        if path.suffix == ".png":
            yield location
        elif path.suffix == ".zip":
            with open_zip(path) as archive:
                yield from (f"{location}!{name}" for name in archive.namelist() if name.endswith(".png"))
