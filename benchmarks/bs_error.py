"""BS error of 1024 x 1024 PNGs against decoding them alone, on all cores.

    python benchmarks/bs_error.py [FOLDER] [--count N]

FOLDER holds UV maps (``*uv.png`` of 1024 x 1024 count), searched recursively; without it, random maps that
decode as slowly as real ones are made. Decoding alone and decoding with measuring take turns; printed are the
medians of their seconds and of the ratio, whose bar is 1.3.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ffhq_uv.quality.bs_error import bs_error


def decode(paths: Sequence[Path]) -> torch.Tensor:
    maps = np.empty((len(paths), 1024, 1024, 3), np.uint8)
    for uv_map, path in zip(maps, paths, strict=True):
        with Image.open(path) as image:
            uv_map[:] = image
    return torch.from_numpy(maps)


def decoded(paths: Sequence[Path]) -> int:
    return len(decode(paths))


def measured(paths: Sequence[Path]) -> list[float]:
    return bs_error(decode(paths)).tolist()


def synthetic(folder: Path, count: int) -> None:
    """Smooth colours and fine grain, about 1.1 MB a PNG as published maps have."""
    for index in range(count):
        rng = np.random.default_rng(index)
        coarse = Image.fromarray(rng.integers(60, 200, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((1024, 1024), Image.Resampling.BICUBIC), np.float32)
        grain = rng.normal(0, 1.2, (1024, 1024, 1))
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"{index:06d}_uv.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=64, help="maps a round; those of a small folder repeat")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.folder is None:
            synthetic(Path(scratch), 8)
        maps = sorted((arguments.folder or Path(scratch)).rglob("*uv.png"))
        paths = [maps[index % len(maps)] for index in range(arguments.count)]
        batches = [paths[start : start + 8] for start in range(0, len(paths), 8)]
        cores = len(os.sched_getaffinity(0))
        with ProcessPoolExecutor(
            cores, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:

            def seconds(work: Callable[[Sequence[Path]], object]) -> float:
                start = time.perf_counter()
                list(pool.map(work, batches))
                return time.perf_counter() - start

            seconds(measured)  # imports, first use
            rounds = np.array([(seconds(decoded), seconds(measured)) for _ in range(arguments.rounds)])
    alone, both = np.median(rounds, axis=0)
    a_map = 1e3 * cores / len(paths)
    print(f"{len(paths)} maps ({len(maps)} different) on {cores} cores, median of {len(rounds)} rounds")
    print(f"decoding            {alone:6.2f} s, {alone * a_map:5.1f} ms a map and core")
    print(f"decoding + BS error {both:6.2f} s, {both * a_map:5.1f} ms a map and core")
    print(f"ratio               {np.median(rounds[:, 1] / rounds[:, 0]):6.2f} (bar 1.30)")


if __name__ == "__main__":
    main()
