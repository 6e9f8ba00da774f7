"""Kill `pull` and `index` at random moments: the run after that finishes, with the bytes of a run that nobody
disturbed.

    python -m tests.stages.interrupting [--kills N] [--seed S]

The archives are a small studio's, on a slow web server of this machine. Each run is a process of its own and is ended
by SIGKILL at a random moment between the first thing it writes and the time that an undisturbed run takes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.download.conftest import Web, serving
from tests.small_run import run

SOURCE = Path(__file__).parents[2] / "src"
STAGES = ("pull", "index")


def serve_studio(web: Web, folder: Path) -> None:
    """Publish a studio in a folder and serve it as a web server would, with a list of itself."""
    folder.mkdir(exist_ok=True)
    assert run(folder, "pull", overrides=("source.people=30",)) == [0]
    sums = []
    for path in sorted((folder / "data/archives").rglob("*")):
        if path.is_file():
            name, content = path.relative_to(folder / "data/archives").as_posix(), path.read_bytes()
            web.files[f"/{name}"] = content
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    web.files["/SHA256SUMS"] = "".join(sums).encode()
    web.pause = 0.01


def start(folder: Path, stage: str, *overrides: str) -> subprocess.Popen[bytes]:
    """A stage in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-m", "ffhq_uv", stage, *overrides]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all that the stages left under final names."""
    results = [path for part in ("data", "metrics") for path in sorted((folder / part).rglob("*"))]
    final = [path for path in results if path.is_file() and not path.name.startswith(".partial-")]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in final}


def marks(folder: Path) -> set[str]:
    """What has been written so far, temporary or not."""
    return {str(path) for path in folder.rglob("*")}


def interrupted(folder: Path, kills: int, seed: int, web: Web) -> Counter[str]:
    """Kill runs in ``folder / "killed"``, finish one, compare with ``folder / "calm"``; how many kills hit which stage.

    Raises AssertionError where a run fails or the bytes differ.
    """
    draw = random.Random(seed)
    overrides = ("source=ffhq_uv", f"source.url={web.url}")
    (calm := folder / "calm").mkdir()
    took = {}
    for stage in STAGES:
        process = start(calm, stage, *overrides)
        before = marks(calm)
        while process.poll() is None and marks(calm) == before:
            time.sleep(0.005)
        begun = time.monotonic()
        assert process.wait() == 0
        took[stage] = time.monotonic() - begun
    (killed := folder / "killed").mkdir()
    hit: Counter[str] = Counter()
    while True:
        for stage in STAGES:
            process = start(killed, stage, *overrides)
            if hit.total() < kills and (stage != "pull" or hit["pull"] < kills * 0.7):
                before = marks(killed)
                while process.poll() is None and marks(killed) == before:
                    time.sleep(0.002)
                time.sleep(draw.uniform(0, took[stage]))
                process.send_signal(signal.SIGKILL)
                if process.wait() == -signal.SIGKILL:
                    hit[stage] += 1
                    break
            assert process.wait() == 0, f"{stage} failed after {hit.total()} kills"
        else:
            if hit.total() >= kills:
                break
    assert digests(killed) == digests(calm)
    return hit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as web:
        serve_studio(web, Path(folder))
        hit = interrupted(Path(folder), options.kills, options.seed, web)
    print(f"killed {', '.join(f'{stage} {count} times' for stage, count in hit.items())}: the same bytes")


if __name__ == "__main__":
    main()
