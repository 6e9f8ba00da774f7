"""Inject faults into input, output and memory, at random: the run after that ends with the undisturbed bytes.

    python -m tests.shards.injecting [--runs N] [--seed S]

A run makes samples as `measure` does with recorded faces: it reads pictures, writes maps and rows, and keeps its
shards. The faults are those of a mount that is away, a disk that fails and memory that is short. A run that is hit may
end in one clear error; it is run again, once with fewer faults and then without any. What finished must be right each
time.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
import torch
from tests.shards.shards import Shard, shards
from tests.small_run import inside

from ffhq_uv.archive.writing import encode_png, write_bytes
from ffhq_uv.chain.chain import _one_by_one_if_it_fails
from ffhq_uv.chain.measurements import SCHEMA, Sample
from ffhq_uv.config import Config, read
from ffhq_uv.generator.recorded import RecordedGenerator
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work

SAMPLES, SIZE = 12, 8
MISSING = "000007"
"""A sample without a left view, which is a result and no fault."""
POINTS = (
    ("pathlib.Path.stat", OSError(errno.ENOENT, "No such file or directory")),
    ("pathlib.Path.stat", OSError(errno.ESTALE, "Stale file handle")),
    ("pathlib.Path.read_bytes", OSError(errno.EIO, "Input/output error")),
    ("pathlib.Path.read_bytes", OSError(errno.ENOENT, "No such file or directory")),
    ("pathlib.Path.read_bytes", MemoryError()),
    ("ffhq_uv.generator.recorded.read_png", MemoryError()),
    ("ffhq_uv.generator.recorded.read_png", RuntimeError("CUDA out of memory")),
    ("os.fsync", OSError(errno.EIO, "Input/output error")),
    ("os.replace", OSError(errno.EIO, "Input/output error")),
    ("polars.DataFrame.write_parquet", OSError(errno.EIO, "Input/output error")),
)


@contextmanager
def faults(draw: random.Random, rate: float) -> Iterator[Counter[str]]:
    """Let calls of `POINTS` fail with a probability; how many of each did."""
    hit: Counter[str] = Counter()

    def failing(point: str, error: BaseException) -> Any:
        module, _, name = point.rpartition(".")
        real = getattr(resolve_name(module), name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if draw.random() < rate:
                hit[f"{name}: {type(error).__name__}"] += 1
                raise type(error)(*error.args)
            return real(*args, **kwargs)

        return mock.patch(point, call)

    patches = [failing(point, error) for point, error in draw.sample(POINTS, 3)]
    try:
        for patch in patches:
            patch.start()
        yield hit
    finally:
        for patch in reversed(patches):
            patch.stop()


def plant(folder: Path) -> None:
    """Recorded faces of some samples."""
    rng = np.random.default_rng(0)
    for sample in range(SAMPLES):
        id = f"{sample:06d}"
        for view in ("left", "front", "right"):
            if (id, view) != (MISSING, "left"):
                path = folder / f"data/archives/dataset_project/edit/{id}/{id}_{view}.png"
                write_bytes(path, encode_png(rng.integers(0, 255, (SIZE, SIZE, 3), np.uint8)))


def make(work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    """The mean of a sample's faces, and its front as its map."""
    generator = RecordedGenerator(Path("data/archives"), SIZE)

    def measured(latents: torch.Tensor, ids: Any, _: Any) -> list[Sample]:
        faces, reasons = generator(latents, ids)
        return [
            Sample(id, reason, {} if reason else {"bs_error": float(views.float().mean())}, texture=views[1].numpy())
            for id, reason, views in zip(ids, reasons, faces, strict=True)
        ]

    latents = torch.zeros(len(shard.ids), 3, 18, 512)
    samples = _one_by_one_if_it_fails(measured, latents, shard.ids, [None] * len(shard.ids))
    written = []
    for sample in samples:
        if sample.reason is None and sample.texture is not None:
            written.append(work.folder / f"maps/{sample.id}.png")
            write_bytes(written[-1], encode_png(sample.texture))
    return pl.DataFrame([sample.row() for sample in samples], SCHEMA), written


@cache
def configured() -> Config:
    """Read once: faults are for what a run does after that."""
    return read(["engine=serial"])


def run(folder: Path) -> dict[str, Any]:
    """What a run gives: rows, and the maps that are kept with them."""
    with inside(folder), running("measure", configured(), SCHEMA) as started:
        rows = started.rows(make, shards(SAMPLES, 3))
        assert rows is not None
        maps = {}
        for name in sorted(os.listdir(started.work.folder / "maps")):  # by calls that no fault is injected into
            with open(started.work.folder / "maps" / name, "rb") as file:
                maps[name] = file.read()
    return {"rows": rows.select("id", "reason", "bs_error").rows(), "maps": maps}


def injected(calm: Path, folder: Path, seed: int, undisturbed: dict[str, Any]) -> Counter[str]:
    """One run with faults and up to two more; what was hit. Raises AssertionError where the bytes differ."""
    draw = random.Random(seed)
    shutil.copytree(calm, folder)
    total: Counter[str] = Counter()
    for rate in (0.1, 0.03, 0.0):
        try:
            with faults(draw, rate) as hit, mock.patch("ffhq_uv.shards.run.PAUSE", 0):
                found = run(folder)
        except (OSError, RuntimeError, MemoryError):
            if not rate:
                raise
            total["ended in an error"] += 1
        else:
            assert found == undisturbed, f"seed {seed}"
        total += hit
    assert found == undisturbed, f"seed {seed}"
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        calm = Path(folder) / "calm"
        plant(calm)
        undisturbed = run(calm)
        shutil.rmtree(calm)
        plant(calm)
        for number in range(options.runs):
            total += injected(calm, Path(folder) / str(number), options.seed + number, undisturbed)
            shutil.rmtree(Path(folder) / str(number))
    print(f"{options.runs} runs, {total.total()} faults: {dict(total.most_common())}; the same bytes each time")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
