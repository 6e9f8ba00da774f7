"""Filter, classify, interpolate at the published size, on tables and codes drawn at random.

    python benchmarks/selection.py [--people 54165] [--codes 20000] [--folder DIR]

--people    samples of the tables
--codes     new samples whose codes are written, [3, 18, 512] each; 0 to skip
--stored    people whose codes are stored (110 kB each), from whom the new ones are mixed
--folder    where to write: the disk to measure

Prints seconds, rates and peak memory beside their bars.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.selection.classify import Bins, Values, classify
from ffhq_uv.selection.filter import Criterion, judge, resolve, summarise
from ffhq_uv.selection.interpolate import allocate, draw_weights, interpolate
from ffhq_uv.selection.mix import Method, category_means, mix_in_batches
from ffhq_uv.selection.parents import draw_parents

CODE = (3, 18, 512)
BATCH = 64


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


def write(path: Path, blocks: Iterable[np.ndarray]) -> float:
    """Bytes a second with which blocks get to the disk."""
    start, size = time.perf_counter(), 0
    with path.open("wb") as file:
        for block in blocks:
            size += file.write(memoryview(block).cast("B"))
        file.flush()
        os.fsync(file.fileno())
    rate = size / (time.perf_counter() - start)
    path.unlink()
    return rate


def codes(folder: Path, stored: int, new: int, method: Method) -> tuple[float, float]:
    """The disk's own rate of sequential writing, and that of new codes: bytes a second."""
    rng = np.random.default_rng(0)
    block = rng.normal(size=(BATCH, *CODE)).astype(np.float32)
    with (folder / "codes.npy").open("wb") as file:  # not through a memory map, which would count as memory
        header = {"descr": "<f4", "fortran_order": False, "shape": (stored, *CODE)}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, stored, BATCH):
            file.write(memoryview(block[: stored - start]).cast("B"))
    mapped = np.load(folder / "codes.npy", mmap_mode="r")
    groups = np.arange(stored) % 20
    means = category_means(mapped, groups, 20)
    rows, weights = draw_parents(stored, new, 2, rng), draw_weights(new, 2, rng)
    mixed = mix_in_batches(
        mapped, rows, weights, batch=BATCH, method=method, means=means, groups=rng.integers(0, 20, new)
    )
    plain = write(folder / "plain", (block[: new - start] for start in range(0, new, BATCH)))
    return plain, write(folder / "mixed", mixed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=54_165)
    parser.add_argument("--codes", type=int, default=20_000)
    parser.add_argument("--stored", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    for method in ("linear", "variance_preserving") if arguments.codes else ():
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            plain, mixed = codes(Path(folder), arguments.stored, arguments.codes, method)
        print(f"codes, {method}: {arguments.codes:,} from {arguments.stored:,} at {mixed / 1e6:,.0f} MB/s")
        print(f"    the disk's own rate {plain / 1e6:,.0f} MB/s: {mixed / plain:.0%} of it (bar 60 %)")
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
