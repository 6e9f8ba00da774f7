"""Long runs: bytes after kills, a node that is lost, what a second worker brings, and how large the driver gets.

    python benchmarks/engine.py scaling | orders | kills | nodes dask | nodes ray | driver | plan

Needs the results of ``dvc repro`` in data/, on which the stage extract runs in a folder of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from ffhq_uv.chain.measurements import SCHEMA
from ffhq_uv.config import read
from ffhq_uv.store.files import write_table

TABLES = ("samples", "index", "categories", "recipes", "bounds")
INPUTS = ("archives", "latents", *(f"{table}.parquet" for table in TABLES))
RESULTS = ("data/ffhq-uv-interpolate", "data/interpolate-measurements.parquet", "metrics", "plots")
KILLS, PARTS = 20, 3


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that has what extract reads."""
    with tempfile.TemporaryDirectory() as name:
        data = Path(name, "data")
        data.mkdir()
        for path in INPUTS:
            (data / path).symlink_to(Path("data", path).resolve())
        yield Path(name)


def extract(where: Path, *overrides: str, **environment: str) -> subprocess.Popen[bytes]:
    """Start extract."""
    command = [sys.executable, "-m", "ffhq_uv", "extract", "engine.shard=2", *overrides]
    return subprocess.Popen(command, cwd=where, env=os.environ | environment, stderr=subprocess.DEVNULL)


def digests(where: Path) -> dict[str, str]:
    """SHA-256 of every result."""
    paths = sorted(path for result in RESULTS for path in [where / result, *(where / result).rglob("*")])
    return {
        str(path.relative_to(where)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()
    }


def log(where: Path) -> list[dict[str, Any]]:
    """The lines of extract's log, in the order in which the shards were begun."""
    path = where / "logs/extract.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return sorted(lines, key=lambda line: line["began"])


def undisturbed() -> dict[str, str]:
    """What extract makes in one process that nobody kills."""
    with folder() as where:
        assert extract(where, "engine=serial").wait() == 0
        return digests(where)


def children(process: int) -> list[int]:
    """The workers of a run."""
    with contextlib.suppress(OSError):
        own = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [pid for pid in map(int, own) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return []


def orders() -> None:
    """Every engine and number of workers, the shards in an order of its own."""
    expected, chance = undisturbed(), random.Random(2)
    ways = [("local", 1), ("local", 2), ("local", 4), ("dask", 2), *([("ray", 2)] if find_spec("ray") else [])]
    for engine, workers in ways:
        how = f"engine={engine}", f"engine.workers={workers}"
        with folder() as where:
            for part in chance.sample(range(PARTS), PARTS):
                assert extract(where, *how, f"shard={part}/{PARTS}").wait() == 0
            shards = sum(len(path.read_text().splitlines()) for path in (where / "logs").iterdir())
            assert extract(where, *how).wait() == 0
            print(f"{engine}, {workers} workers, {shards} shards in {PARTS} parts out of turn: "
                  f"{len(expected)} files, bytes equal: {digests(where) == expected}")  # fmt: skip


def kills() -> None:
    """Kill workers and the run itself, at random."""
    expected, chance = undisturbed(), random.Random(1)
    killed = {"a worker": 0, "the run": 0}
    with folder() as where:
        run, began = extract(where), time.monotonic()
        while run.poll() is None or run.returncode < 0:
            if run.poll() is not None:
                run = extract(where)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(chance.uniform(2, 5))
                continue
            if sum(killed.values()) < KILLS:
                workers = children(run.pid)
                whom = "a worker" if workers and chance.random() < 0.6 else "the run"
                os.kill(chance.choice(workers) if whom == "a worker" else run.pid, signal.SIGKILL)
                killed[whom] += 1
        lines = log(where)
        same = digests(where) == expected
        twice = sum(line["samples"] for line in lines) - len({line["shard"] for line in lines}) * 2
        print(f"SIGKILL: {killed}; exit {run.returncode} after {time.monotonic() - began:.0f} s; "
              f"{len(expected)} files, bytes equal: {same}; samples made twice: {twice}")  # fmt: skip


def nodes(engine: str) -> None:
    """Two nodes on loopback, one of which is killed when a quarter is done."""
    expected = undisturbed()
    with folder() as where, NODES[engine]() as (address, second, environment):
        run = extract(where, f"engine={engine}", f"engine.address={address}", **environment)
        while len(log(where)) < 12:
            assert run.poll() is None
            time.sleep(0.1)
        before = {line["worker"] for line in log(where)}
        os.killpg(second.pid, signal.SIGKILL)
        done = len(log(where))
        code = run.wait()
        print(f"{engine}: {len(before)} workers of two nodes, one node killed after {done} of 50 shards; exit {code}, "
              f"{len(expected)} files, bytes equal: {digests(where) == expected}")  # fmt: skip


@contextlib.contextmanager
def started(*commands: Sequence[str], **environment: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Daemons, each with a process group of its own, started one after the other and killed in the end."""
    daemons = []
    try:
        for command in commands:
            daemons.append(subprocess.Popen(
                [str(Path(sys.executable).parent / command[0]), *command[1:]], start_new_session=True,
                env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ))  # fmt: skip
            time.sleep(8)
        yield daemons
    finally:
        for daemon in daemons:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(daemon.pid, signal.SIGKILL)


@contextlib.contextmanager
def dask_nodes() -> Iterator[tuple[str, subprocess.Popen[bytes], Mapping[str, str]]]:
    """A scheduler and two worker daemons."""
    address = "tcp://127.0.0.1:18786"
    worker = ("dask", "worker", address, "--nthreads", "1", "--no-dashboard")
    scheduler = ("dask", "scheduler", "--host", "127.0.0.1", "--port", "18786", "--no-dashboard")
    with started(scheduler, worker, worker) as daemons:
        yield address, daemons[2], {}


@contextlib.contextmanager
def ray_nodes() -> Iterator[tuple[str, subprocess.Popen[bytes], Mapping[str, str]]]:
    """A head and a second raylet, with one CPU each."""
    address = "127.0.0.1:6389"
    with tempfile.NamedTemporaryFile("w") as token:
        token.write(os.urandom(16).hex())
        token.flush()
        environment = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token.name}
        common = ("--num-cpus", "1", "--block", "--disable-usage-stats")
        head = ("ray", "start", "--head", "--node-ip-address", "127.0.0.1", "--port", "6389", *common)
        other = ("ray", "start", "--address", address, *common)
        with started((*head, "--include-dashboard", "false"), other, **environment) as daemons:
            yield address, daemons[1], environment


NODES = {"dask": dask_nodes, "ray": ray_nodes}


def scaling() -> None:
    """Throughput with 1 and 2 workers, warm; what workers wait between shards; what they do."""
    rates = {}
    print("| workers | samples/s | waiting between shards | " + " | ".join(PHASES) + " |")
    print("| ---: |" + " ---: |" * (len(PHASES) + 2))
    for workers in (1, 2):
        with folder() as where:
            assert extract(where, f"engine.workers={workers}", "engine.shard=4").wait() == 0
            by_worker: dict[str, list[dict[str, Any]]] = {}
            for line in log(where):
                by_worker.setdefault(line["worker"], []).append(line)
            warm = {worker: lines[1:] for worker, lines in by_worker.items()}  # without loading and compiling
            every = [line for lines in warm.values() for line in lines]
            start = max(lines[0]["began"] for lines in warm.values())
            end = min(lines[-1]["began"] + lines[-1]["seconds"] for lines in warm.values())
            rates[workers] = sum(line["samples"] * overlap(line, start, end) for line in every) / (end - start)
            busy = sum(line["seconds"] for line in every)
            gaps = sum(
                later["began"] - line["began"] - line["seconds"]
                for lines in warm.values()
                for line, later in pairwise(lines)
            )
            spans = [span for line in every for span in line["spans"]]
            shares = [sum(e - b for name, b, e in spans if name == phase) / busy for phase in PHASES]
            cells = [f"{share:.0%}" for share in shares]
            print(f"| {workers} | {rates[workers]:.2f} | {gaps / busy:.2%} | {' | '.join(cells)} |")
            if workers == 2:
                print("\n" + timeline(every, start))
    print(f"\n2 workers are {rates[2] / rates[1]:.2f} times as fast as 1.")


PHASES = ("decode", "generate", "analyse", "texture", "measure", "encode")


def overlap(line: Mapping[str, Any], start: float, end: float) -> float:
    """The share of a shard's time that lies between two times."""
    inside = min(line["began"] + line["seconds"], end) - max(line["began"], start)
    return max(0.0, inside) / line["seconds"]


def timeline(lines: Sequence[Mapping[str, Any]], start: float, seconds: float = 3.5, columns: int = 116) -> str:
    """Some seconds of two workers, a row each; a letter is 30 ms and begins the name of the phase that takes most."""
    rows = []
    for worker in sorted({line["worker"] for line in lines}):
        spans = [span for line in lines if line["worker"] == worker for span in line["spans"]]
        row = ""
        for column in range(columns):
            low = start + column * seconds / columns
            high = low + seconds / columns
            shares = dict.fromkeys(PHASES, 0.0)
            for name, b, e in spans:
                shares[name] += max(0.0, min(e, high) - max(b, low))
            best = max(shares, key=lambda name: shares[name])
            row += best[0] if shares[best] > 0 else "."
        rows.append(row)
    return "\n".join(rows)


def plan() -> None:
    """What the plan says of a run ten times its calibration, and what the run takes."""
    size = ("source.people=120", "source.reference=120", "interpolate.count=240")
    with tempfile.TemporaryDirectory() as where:
        subprocess.run([sys.executable, "-m", "ffhq_uv", "plan", *size], cwd=where, check=True)
        for stage in ("pull", "index", "measure", "filter", "classify", "interpolate", "extract"):
            began = time.monotonic()
            command = [sys.executable, "-m", "ffhq_uv", stage, *size]
            subprocess.run(command, cwd=where, check=True, capture_output=True)
            print(f"{stage}: {time.monotonic() - began:.1f} s")


def simulated(_config: object, _mixer: object, _bounds: object, _shown: object, work: Any, shard: Any) -> Any:
    """In place of a shard's work: rows of the usual size, and files that are nearly empty."""
    from ffhq_uv.archive.writing import sample_files

    identity = [float(number) for number in range(512)]
    rows = [{"id": id, "bs_error": 1.0, "valid_area_ratio": 1.0, "identity": identity} for id in shard.ids]
    for id in shard.ids:
        for path in sample_files(work.folder, id):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x")
    return pl.DataFrame(rows, SCHEMA), []


def driver(count: str = "100000") -> None:
    """The memory of a run of many samples, whose shards are simulated."""
    from ffhq_uv.stages import extract as stage

    samples = int(count)
    with folder() as where:
        recipes = pl.read_parquet("data/recipes.parquet")
        many = pl.concat([recipes] * (samples // len(recipes) + 1)).head(samples)
        many = many.with_columns(id=pl.Series([f"{number:06d}" for number in range(samples)]))
        (where / "data/recipes.parquet").unlink()
        write_table(where / "data/recipes.parquet", many)
        os.chdir(where)
        stage._make = simulated  # type: ignore[assignment]
        config = read(["engine.shard=64", "engine.workers=2"])
        began = time.monotonic()
        stage.run(config)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{samples:,} samples: the driver's peak is {peak:,.0f} MiB, {time.monotonic() - began:.0f} s")
        os.chdir("/")


if __name__ == "__main__":
    names = {one.__name__: one for one in (scaling, orders, kills, nodes, driver, plan)}
    names[sys.argv[1]](*sys.argv[2:])
