"""bs-error: the BS error of UV maps as they are, in a folder and its archives, or in an archive."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl
import torch
from pydantic import Field

from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import Archives, locations
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.notes import passed_over
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.worker import call
from ffhq_uv.networks.allocator import keep_freed_memory
from ffhq_uv.once import once_a_run
from ffhq_uv.quality.bs_error import bs_error, mean_luma
from ffhq_uv.quality.interval import mean_interval
from ffhq_uv.quality.map_kind import kind_by_content, kind_by_name
from ffhq_uv.shards.engines import cores
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.provenance import begin_run
from ffhq_uv.shards.run import WORKER_DIED
from ffhq_uv.store.files import write_csv
from ffhq_uv.store.limits import limits

SHARD = 8
"""Maps a job."""

NO_MAP = "no map: "
"""What the reason of a picture begins with that is passed over: a mask, normals, a black one, ..."""

SCHEMA = {"map": pl.String, "bs_error": pl.Float64, "bs_error_of_luma": pl.Float64, "reason": pl.String}


class Words(Declared):
    """What the tool is told."""

    maps: Path = Field(description="folder or archive of UV maps")
    out: Path | None = Field(None, description="CSV file to write: a row a map")


def run(words: Words, config: Config) -> None:
    """Measure the maps and print their mean; the first that could not be measured go to stderr with the reason."""
    table, notes = measure_maps(words.maps, bounds=limits(config))
    if words.out is not None:
        write_csv(words.out, table)
    others = table.filter(pl.col("reason").str.starts_with(NO_MAP))
    failed = table.filter(pl.col("reason").is_not_null() & ~pl.col("reason").str.starts_with(NO_MAP))
    print(*passed_over(notes), sep="\n", end="\n" if notes else "")
    for kind, count in others["reason"].value_counts(sort=True).iter_rows():
        print(f"passed over, {kind.removeprefix(NO_MAP)}: {count:,}")
    for location, reason in failed.select("map", "reason").head(10).iter_rows():
        print(f"{location}: {reason}", file=sys.stderr)
    errors = table["bs_error"].drop_nulls()
    if len(errors) == 0:
        raise ValueError(f"{words.maps}: none of {len(table):,} pictures could be measured")
    low, high = mean_interval(errors, seed=0)
    found = f"BS error {errors.to_numpy().mean():.3f} ({low:.3f} to {high:.3f} with 95 % confidence)"
    print(f"{found}, {len(errors):,} maps, {len(failed):,} could not be measured")


def measure_maps(
    maps: Path, workers: int | None = None, bounds: Limits = PUBLISHED
) -> tuple[pl.DataFrame, dict[str, str]]:
    """The BS error of every PNG at ``maps``, on all cores or by so many workers, sorted by location.

    Returns a table, and what else lies there that nothing reads, with the reason: map, its location; bs_error, grey
    levels; bs_error_of_luma, per cent of the map's mean luma; reason, null or why it was not measured. Raises
    FileNotFoundError where there is no PNG, ArchiveError for a damaged archive.
    """
    root, start = (maps, "") if maps.is_dir() else (maps.parent, maps.name)
    notes: dict[str, str] = {}
    every = list(locations(root, start, bounds, notes)) if maps.exists() else []
    found = sorted(location for location in every if location.lower().endswith(".png"))
    pictures = {".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".exr", ".tga"}
    notes |= dict.fromkeys((name for name in every if Path(name).suffix.lower() in pictures), "no PNG")
    if not found:
        lying = f" ({next(iter(notes.items()))[0]}: {next(iter(notes.values()))})" if notes else ""
        raise FileNotFoundError(f"{maps}: no PNG found{lying}; a folder or an archive of UV maps expected")
    shards = [found[at : at + SHARD] for at in range(0, len(found), SHARD)]
    rows: list[dict[str, Any]] = []
    job = partial(call, begin_run(), partial(measure, root, bounds))
    with Engine(local(workers or cores())) as engine, progress(len(found), "bs-error", "map") as bar:
        lost: list[str] = []
        for outcome in engine.outcomes(job, shards):
            rows += outcome.result or []
            lost += outcome.job if outcome.lost else []
            bar.update(len(outcome.result or []))
        for outcome in engine.outcomes(job, [[location] for location in lost]):  # one of a shard's maps is to blame
            rows += outcome.result or [{"map": outcome.job[0], "reason": WORKER_DIED}]
            bar.update(1)
    return pl.DataFrame(rows, SCHEMA).sort("map"), notes


def measure(root: Path, bounds: Limits, maps: list[str]) -> list[dict[str, Any]]:
    """The rows of some maps, which are given by location."""
    return [_measured(_archives(root, bounds), location) for location in maps]


def _measured(archives: Archives, location: str) -> dict[str, Any]:
    if kind := kind_by_name(PurePosixPath(location.replace("!", "/")).stem):
        return {"map": location, "reason": f"{NO_MAP}{kind}"}
    try:
        pixels = read_uv_map(archives, location)
        if kind := kind_by_content(pixels):
            return {"map": location, "reason": f"{NO_MAP}{kind}"}
        if pixels.shape[0] != pixels.shape[1]:
            return {"map": location, "reason": f"{pixels.shape[1]} x {pixels.shape[0]} texels; a UV map is square"}
        uv_map = torch.from_numpy(pixels)[None]
        error = bs_error(uv_map)
    except ValueError as problem:
        return {"map": location, "reason": str(problem)}
    return {"map": location, "bs_error": error.item(), "bs_error_of_luma": (100 * error / mean_luma(uv_map)).item()}


@once_a_run
def _archives(root: Path, bounds: Limits) -> Archives:
    """Open in a worker as long as it lives: a zip's list of members is read once, and memory is not faulted in anew."""
    keep_freed_memory()
    return Archives(root, bounds)
