"""Filter, classify, interpolate at the published size, on tables and codes drawn at random.

    python benchmarks/selection.py [--people 54165] [--codes 100000] [--folder DIR]

--people    samples of the tables, and people whose codes are stored, 26 rows of 512 each (53 kB)
--codes     new samples whose codes are written, from two parents each, drawn from all people; 0 to skip
            (six times each way, the methods and the disk's own rate in every order)
--folder    where to write: the disk to measure, with room for all these codes

The disk's own rate is that of writing random numbers that are there already, block after block, and of one fsync in
the end, without which no write here counts as done. Before each write what earlier ones left is written and freed, and
the people's codes are read through, so that they are in memory wherever the system lets them.
Prints seconds, rates and peak memory beside their bars.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

from ffhq_uv.selection.classify import Bins, Values, classify
from ffhq_uv.selection.filter import Criterion, judge, resolve, summarise
from ffhq_uv.selection.interpolate import allocate, draw_weights, interpolate
from ffhq_uv.selection.mix import Method, category_means
from ffhq_uv.selection.parents import draw_parents
from ffhq_uv.store.codes import stored, write
from ffhq_uv.store.rows import ROWS
from ffhq_uv.tools.codes import BATCH, in_batches

CODE = (ROWS, 512)
GROUPS = 20


def population(people: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "id": [f"{row:06d}" for row in range(people)],
            "reason": np.where(rng.random(people) < 0.005, "latent_nonfinite", None).tolist(),
            "gender": rng.integers(0, 2, people),
            "age": rng.gamma(4, 8, people),
            "beard": rng.random(people) ** 3,
            "bs_error": rng.normal(7.3, 2, people),
            "valid_area_ratio": rng.beta(20, 2, people),
            "expression": rng.gamma(2, 0.1, people),
        }
    )


def tables(people: pl.DataFrame, count: int) -> pl.DataFrame:
    criteria = [
        Criterion("bs_error", "bs_error", "max", quantile=0.6),
        Criterion("valid_area_ratio", "valid_area_ratio", "min", quantile=0.1),
        Criterion("expression", "expression", "max", bound=0.4),
    ]
    criteria = list(resolve(people, criteria))
    verdicts = judge(people, criteria)
    summarise(verdicts, criteria)
    kept = people.join(verdicts.filter(pl.col("status") == "kept").select("id"), on="id")
    axes = (
        Values("gender", {1: "male", 0: "female"}),
        Bins("age", (18, 30, 45, 60)),
        Bins("beard", (0.3,), ("no-beard", "beard")),
    )
    members = kept.join(classify(kept, axes, min_size=20).select("id", "category"), on="id")
    return interpolate(members, allocate(members, count), seed=1, spare=0.05)


def read_through(path: Path) -> None:
    block = bytearray(1 << 22)
    with path.open("rb", buffering=0) as file:
        while file.readinto(block):
            pass


def codes(folder: Path, people: int, new: int) -> None:
    """Print the rates at which new codes get to the disk, and the disk's own."""
    rng = np.random.default_rng(0)
    some = rng.normal(size=(BATCH, *CODE)).astype(np.float32)
    write(
        folder / "codes.npy", (people, *CODE), (some[: people - start] for start in range(0, people, BATCH)), wait=True
    )
    mapped = stored(folder / "codes.npy")
    start = time.perf_counter()
    means = category_means(mapped, np.arange(people) % GROUPS, GROUPS)
    print(f"means of {GROUPS} categories of {people:,}: {time.perf_counter() - start:.2f} s, once a run")

    rows, weights = draw_parents(people, new, 2, rng), draw_weights(new, 2, rng)
    groups = rng.integers(0, GROUPS, new)

    def mixed(path: Path, method: Method) -> None:
        write(path, (new, *CODE), in_batches(mapped, rows, weights, method, means, groups, lambda _: None), wait=True)

    def plain(path: Path) -> None:
        with path.open("wb", buffering=0) as file:
            for start in range(0, new, BATCH):
                file.write(some[: new - start].data.cast("B"))
            os.fsync(file.fileno())

    ways: dict[str, Callable[[Path], None]] = {"the disk's own": plain}
    for method in get_args(Method):
        ways[method] = partial(mixed, method=method)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for order in permutations(ways):  # a disk may be fast for a while only: each follows each as often
        for name in order:
            os.sync()
            read_through(folder / "codes.npy")
            start = time.perf_counter()
            ways[name](folder / "new.npy")
            rates[name].append((folder / "new.npy").stat().st_size / (time.perf_counter() - start) / 1e6)
            (folder / "new.npy").unlink()
    print(f"codes of {new:,} from {people:,}; bar 60 %\n")
    print("| | MB/s to the disk, median (least-most) | of the disk's own rate |\n|---|---|---|")
    own = np.median(rates["the disk's own"])
    for name, found in rates.items():
        middle = np.median(found)
        print(f"| {name} | {middle:,.0f} ({min(found):,.0f}-{max(found):,.0f}) | {middle / own:.0%} |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=54_165)
    parser.add_argument("--codes", type=int, default=100_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.codes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            codes(Path(folder), arguments.people, arguments.codes)
    print(f"peak RSS {peak():,.0f} MiB (bar 1,024 MiB)")

    people = population(arguments.people)
    for count, bar in ((100_000, 5), (1_000_000, 60)):
        start = time.perf_counter()
        recipes = tables(people, count)
        took = time.perf_counter() - start
        print(f"filter + classify + recipes {len(people):,} -> {count:,}: {took:.2f} s (bar {bar} s)")
        assert (~recipes["spare"]).sum() == count
    print(f"peak RSS {peak():,.0f} MiB")


def peak() -> float:
    """Peak resident memory of this process, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
