"""Memory of the stages index and normalise for as many people as the published project folder has.

    PYTHONPATH=src python benchmarks/normalise.py [PEOPLE]

Needs data/archives as ``dvc exp run -S experiment=from_project_mini`` leaves it: its people are repeated. Shards are
simulated, but for their files: what a worker needs does not depend on how many people there are. 20 GB of disk.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

OVERRIDES = ("experiment=from_project_mini", "engine.shard=64", "engine.workers=2")
PARTS = {"latents": "pt", "attributes": "json", "lights": "npy"}


def repeat(archives: Path, out: Path, people: int) -> None:
    """The archives with their people again and again, under numbers of their own."""
    out.mkdir(parents=True)
    for path in archives.iterdir():
        if path.name != "dataset_project":
            (out / path.name).symlink_to(path.resolve())
    (out / "dataset_project").mkdir()
    for part, kind in PARTS.items():
        with zipfile.ZipFile(archives / f"dataset_project/{part}.zip") as few:
            members = [few.read(name) for name in few.namelist()]
        with zipfile.ZipFile(out / f"dataset_project/{part}.zip", "w", allowZip64=True) as many:
            for number in range(people):
                many.writestr(f"{number:05d}.{kind}", members[number % len(members)])


def simulated(_config: object, _reach: object, work: Any, shard: Any) -> Any:
    """In place of a shard's work: its codes as photographed, in three views."""
    from ffhq_uv.stages.photographed import SCHEMA
    from ffhq_uv.store import files
    from ffhq_uv.store.codes import stored

    codes = np.repeat(stored(files.REFERENCE_CODES)[shard.rows], 3, axis=1)
    path = work.folder / "codes" / f"{shard.ids[0]}.npz"
    with files.replacing(path) as partly, open(partly, "wb") as file:
        np.savez(file, codes=codes, attributes=np.zeros((len(codes), 3, 17), np.float32))
    rows = [
        {
            "id": id,
            "edits": ["yaw"],
            "moved": [1.0] * 18,
            "rounds": 0,
            "happy": False,
            "part": path.name,
            "place": place,
        }
        for place, id in enumerate(shard.ids)
    ]
    return pl.DataFrame(rows, SCHEMA), [path]


def stage(name: str) -> None:
    """Run a stage here, and print what it took."""
    from ffhq_uv.config import read
    from ffhq_uv.stages import index, normalise, photographed

    photographed._normalise = simulated
    began = time.monotonic()
    {"index": index, "normalise": normalise}[name].run(read(list(OVERRIDES)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name}: {time.monotonic() - began:.0f} s, peak {peak:,.0f} MiB")


def main(people: int) -> None:
    with tempfile.TemporaryDirectory() as where:
        repeat(Path("data/archives"), Path(where, "data/archives"), people)
        (Path(where, "data/manifest.json")).write_text(Path("data/manifest.json").read_text())
        script = str(Path(__file__).resolve())
        environment = os.environ | {"PYTHONPATH": str(Path("src").resolve())}
        for name in ("index", "normalise"):
            subprocess.run([sys.executable, script, name], cwd=where, env=environment, check=True)


if __name__ == "__main__":
    asked = sys.argv[1] if len(sys.argv) > 1 else "69620"
    main(int(asked)) if asked.isdigit() else stage(asked)
