"""The stage evaluate on tables of many samples: seconds and peak memory.

    PYTHONPATH=src python benchmarks/evaluate.py [SAMPLES]

Needs the results of ``dvc repro`` in data/: their rows are repeated, identities with some noise.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.store import files

MANY = (files.MEASUREMENTS, files.INTERPOLATED_MEASUREMENTS, files.REFERENCE, files.CATEGORIES, files.RECIPES)
KEPT = 0.7
"""Share of the samples."""


def repeat(out: Path, samples: int) -> None:
    """Tables as a run of so many samples leaves them."""
    rng = np.random.default_rng(0)
    for path in (*MANY, files.TEXTURE_TRUTH, files.KEPT):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
    for path in MANY:
        table = pl.read_parquet(path)
        if "reason" in table.columns:
            table = table.filter(pl.col("reason").is_null())
        table = table[rng.integers(0, len(table), samples)]
        table = table.with_columns(id=pl.Series([f"{number:06d}" for number in range(samples)]))
        if "identity" in table.columns:
            known = table["identity"].explode().to_numpy().reshape(samples, -1)
            moved = known + rng.normal(0, 0.02, known.shape).astype(np.float32)
            table = table.with_columns(identity=pl.Series(list(moved), dtype=pl.List(pl.Float32)))
        table.write_parquet(out / path)
    kept = pl.read_parquet(out / files.MEASUREMENTS, columns=["id"]).sample(int(KEPT * samples), seed=1)
    kept.write_parquet(out / files.KEPT)
    shutil.copy(files.TEXTURE_TRUTH, out / files.TEXTURE_TRUTH)


def main(samples: int) -> None:
    with tempfile.TemporaryDirectory() as where:
        repeat(Path(where), samples)
        source, params = Path("src").resolve(), Path("params.yaml").resolve()
        command = [sys.executable, "-m", "ffhq_uv", "evaluate", "--params", params]
        began = time.monotonic()
        subprocess.run(command, cwd=where, env=os.environ | {"PYTHONPATH": str(source)}, check=True)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{samples:,} samples: {time.monotonic() - began:.1f} s, {spent.ru_utime + spent.ru_stime:.1f} s of ",
            end="",
        )
        print(f"processors, peak {spent.ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
