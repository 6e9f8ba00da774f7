"""Shards without faces, and what workers do with them; in a module of its own, because workers import it."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ffhq_uv.archive.limits import Limits
from ffhq_uv.chain.measurements import SCHEMA
from ffhq_uv.shards.work import Work
from ffhq_uv.tools.bs_error import measure


@dataclass(frozen=True)
class Shard:
    ids: list[str]
    label: str = "test"

    def ones(self) -> list[Shard]:
        return [Shard([id]) for id in self.ids]


def shards(samples: int, size: int) -> list[Shard]:
    ids = [f"{number:06d}" for number in range(samples)]
    return [Shard(ids[start : start + size]) for start in range(0, samples, size)]


def make(work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    path = work.folder / f"{shard.ids[0]}.txt"
    path.write_text("made")
    return pl.DataFrame([{"id": id, "bs_error": float(id)} for id in shard.ids], SCHEMA), [path]


def make_but_die_of_five(work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    if "000005" in shard.ids:
        os.kill(os.getpid(), signal.SIGKILL)
    return make(work, shard)


def make_until_the_disk_is_full(work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    if "000005" in shard.ids:
        with open("/dev/full", "w") as full:
            full.write("x")
    return make(work, shard)


def measure_but_die_of_five(root: Path, bounds: Limits, maps: list[str]) -> list[dict[str, Any]]:
    """A job of the tool bs-error in whose worker one map is too much."""
    if "000005.png" in maps:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(root, bounds, maps)
