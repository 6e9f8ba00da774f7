"""BS error of 1024 x 1024 PNGs against decoding them alone, on all cores.

    python benchmarks/bs_error.py [FOLDER] [--count N] [--rounds N]

FOLDER holds UV maps (``*uv.png`` of 1024 x 1024 count), searched recursively; without it, random maps that
decode as slowly as real ones are made. Decoding alone, decoding with measuring, and the tool take turns;
printed are the medians of their seconds and of the ratio, whose bar is 1.3.
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
from typing import Any

import numpy as np
import torch
from PIL import Image

from ffhq_uv.archive.limits import PUBLISHED
from ffhq_uv.quality.bs_error import bs_error
from ffhq_uv.tools.bs_error import measure


def decoded(paths: Sequence[Path]) -> int:
    """Decode PNGs, one after the other into the same memory."""
    uv_map = np.empty((1024, 1024, 3), np.uint8)
    for path in paths:
        with Image.open(path) as image:
            uv_map[:] = image
    return len(paths)


def decoded_and_measured(paths: Sequence[Path]) -> list[float]:
    """The same, and the BS error of each."""
    uv_map, errors = torch.empty(1, 1024, 1024, 3, dtype=torch.uint8), []
    for path in paths:
        with Image.open(path) as image:
            uv_map[0].numpy()[:] = image
        errors += bs_error(uv_map).tolist()
    return errors


def tool(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What ``python -m ffhq_uv bs-error`` does: every chunk's CRC checked, decoded, both normalisations measured."""
    return measure(Path("/"), PUBLISHED, [path.as_posix()[1:] for path in paths])


def synthetic(folder: Path, count: int) -> None:
    """Smooth colours and fine grain, about 1.1 MB a PNG as published maps have."""
    for index in range(count):
        rng = np.random.default_rng(index)
        coarse = Image.fromarray(rng.integers(60, 200, (12, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((1024, 1024), Image.Resampling.BICUBIC), np.float32)
        grain = rng.normal(0, 1.2, (1024, 1024, 1))
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(folder / f"{index:06d}_uv.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--count", type=int, default=64, help="maps a round; those of a small folder repeat")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if arguments.folder is None:
            synthetic(Path(scratch), 8)
        maps = sorted((arguments.folder or Path(scratch)).resolve().rglob("*uv.png"))
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

            ways = (decoded, decoded_and_measured, tool)
            for work in ways:  # imports, first use
                seconds(work)
            rounds = np.array([[seconds(work) for work in ways] for _ in range(arguments.rounds)])
    a_map = 1e3 * cores / len(paths)
    print(f"{len(paths)} maps ({len(maps)} different) on {cores} cores, median of {len(rounds)} rounds; bar 1.30\n")
    print("| | ms a map and core | ratio |\n|---|---|---|")
    for name, column in zip(("decoding", "decoding + BS error", "the tool bs-error"), rounds.T, strict=True):
        print(f"| {name} | {np.median(column) * a_map:.1f} | {np.median(column / rounds[:, 0]):.2f} |")


if __name__ == "__main__":
    main()
