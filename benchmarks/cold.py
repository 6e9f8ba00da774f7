"""The studio's default run from nothing, no kernel compiled before: what each stage takes, of this version and another.

    python benchmarks/cold.py [CHECKOUT ...]

Without DVC, whose own time is not counted. Versions take turns, a line a version and stage: seconds, and core seconds.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ffhq_uv.command.stages import STAGES

ROUNDS = 2
NEEDED = ("src", "conf", "checkpoints", "dvc.yaml", "params.yaml", "pyproject.toml")


def core_seconds() -> float:
    """Of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(checkout: Path) -> None:
    """Run every stage of a checkout in a folder of its own."""
    whole = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "project")
        folder.mkdir()
        for path in NEEDED:
            subprocess.run(["cp", "-r", checkout / path, folder], check=True)
        caches = {"NUMBA_CACHE_DIR": f"{name}/numba", "XDG_CACHE_HOME": f"{name}/cache", "PYTHONPATH": "src"}
        for stage in STAGES:
            recorded = [] if stage == "config" else ["--params", "params.yaml"]
            began, before = time.monotonic(), core_seconds()
            command = [sys.executable, "-m", "ffhq_uv", stage, *recorded]
            subprocess.run(command, cwd=folder, env=os.environ | caches, check=True, capture_output=True)
            took = time.monotonic() - began, core_seconds() - before
            whole = [total + one for total, one in zip(whole, took, strict=True)]
            print(f"{checkout.name}: {stage:12} {took[0]:6.1f} s, {took[1]:6.1f} of a core", flush=True)
    print(f"{checkout.name}: {'all':12} {whole[0]:6.1f} s, {whole[1]:6.1f} of a core", flush=True)


if __name__ == "__main__":
    for _ in range(ROUNDS):
        for checkout in (Path.cwd(), *map(Path, sys.argv[1:])):
            run(checkout)
