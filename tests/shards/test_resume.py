"""Long runs: what was finished is not made again, what changed is, and nothing that happens changes a byte."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.shards import shards as simple
from tests.small_run import SMALL, inside, run
from tests.stages.test_gate import INPUTS
from tests.stages.test_pipeline import digests

from ffhq_uv.chain.measurements import SCHEMA
from ffhq_uv.config import read
from ffhq_uv.shards.key import key_of
from ffhq_uv.shards.run import WORKER_DIED, running
from ffhq_uv.shards.work import Work, remove_finished, work_on

EXTRACT = (*INPUTS, "data/recipes.parquet")
OUTPUTS = (
    "data/ffhq-uv-interpolate",
    "data/interpolate-measurements.parquet",
    "reports/extract.json",
    "plots/samples.png",
)


def made(folder: Path) -> dict[str, str]:
    """Digests of what extract makes."""
    return {name: digest for name, digest in digests(folder).items() if name.startswith(OUTPUTS)}


def work_of(folder: Path) -> Path:
    (work,) = (folder / "data").glob(".partial-extract-*")
    return work


def test_a_killed_run_goes_on_where_it_was(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*EXTRACT)
    command = [sys.executable, "-m", "ffhq_uv", "extract", *SMALL, "engine=local", "engine.workers=2", "engine.shard=2"]
    killed = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
    while len(list((folder / "data").glob(".partial-extract-*/shards/*.parquet"))) < 4:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert not (folder / "data/ffhq-uv-interpolate").exists()
    finished = {path.name: path.stat().st_mtime_ns for path in (work_of(folder) / "shards").glob("[!.]*.parquet")}
    assert 4 <= len(finished) < 12
    time.sleep(0.5)  # its workers are gone by then
    assert run(folder, "extract", overrides=("engine.shard=2",)) == [0]
    after = {path.name: path.stat().st_mtime_ns for path in (work_of(folder) / "shards").glob("[!.]*.parquet")}
    assert finished.items() <= after.items()
    assert len(after) == 12
    assert made(folder) == made(small_run)


def test_a_run_that_dvc_did_not_live_to_record_is_found_again(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*EXTRACT)
    assert run(folder, "extract") == [0]
    shutil.rmtree(folder / "data/ffhq-uv-interpolate")  # what DVC does before it runs a stage again
    before = (work_of(folder) / "shards").stat().st_mtime_ns
    assert run(folder, "extract") == [0]
    assert (work_of(folder) / "shards").stat().st_mtime_ns == before
    assert made(folder) == made(small_run)
    with inside(folder):
        remove_finished(but="evaluate")  # which DVC runs once it has recorded extract
    assert not list((folder / "data").glob(".partial-extract-*"))
    assert made(folder) == made(small_run)


def test_parts_of_a_job_array_do_all_of_the_work(copied: Callable[..., Path], small_run: Path) -> None:
    folder = copied(*EXTRACT)
    for part in ("2/3", "0/3", "1/3", "1/3"):
        assert run(folder, "extract", overrides=(f"shard={part}", "engine.shard=2")) == [0]
        assert not (folder / "data/ffhq-uv-interpolate").exists()
    counts = [len((folder / f"logs/extract-{index}-of-3.jsonl").read_text().splitlines()) for index in range(3)]
    assert counts == [4, 4, 4]
    assert run(folder, "extract", overrides=("engine.shard=2",)) == [0]
    assert not (folder / "logs/extract.jsonl").read_text()  # nothing was left to do
    assert made(folder) == made(small_run)


def test_one_shard_compiles_for_its_kind_while_the_other_kinds_are_made(tmp_path: Path) -> None:
    samples = [simple.Shard([f"{number}"]) for number in range(3)]
    people = [simple.Shard([f"{number}"], "people") for number in range(3, 5)]
    handed_out = []

    def make(work: Work, shard: simple.Shard) -> tuple[pl.DataFrame, list[Path]]:
        handed_out.extend(shard.ids)
        return simple.make(work, shard)

    with inside(tmp_path), running("extract", read([*SMALL, "engine=serial"]), SCHEMA, "key") as going:
        rows = going.rows(make, [*samples, *people])
    assert handed_out == ["0", "3", "4", "1", "2"]
    assert rows is not None
    assert rows["id"].to_list() == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_a_cluster_makes_the_same_bytes(copied: Callable[..., Path], small_run: Path, engine: str) -> None:
    pytest.importorskip({"dask": "distributed"}.get(engine, engine), reason=f"the extra {engine} is not installed")
    folder = copied(*EXTRACT)
    assert run(folder, "extract", overrides=(f"engine={engine}", "engine.workers=2", "engine.shard=3")) == [0]
    assert made(folder) == made(small_run)


def key(folder: Path, *overrides: str) -> str:
    with inside(folder):
        return key_of("extract", read([*SMALL, *overrides]))


def test_work_is_reused_if_and_only_if_what_it_depends_on_is_unchanged(copied: Callable[..., Path]) -> None:
    folder = copied(*EXTRACT)
    first = key(folder)
    assert key(folder, "engine=local", "engine.workers=3", "engine.shard=5", "failures.max_share=0.5") == first
    for changed in ("seed=2", "texture.size=64", "texture=faithful", "interpolate.record_parents=true"):
        assert key(folder, changed) != first
    codes = folder / "data/latents/ffhq-uv.npy"
    content, times = codes.read_bytes(), codes.stat()
    codes.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(codes, ns=(times.st_atime_ns, times.st_mtime_ns))  # same size, same time: content counts
    assert key(folder) != first
    codes.write_bytes(content)
    assert key(folder) == first


def test_a_change_of_code_makes_everything_again(
    copied: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ffhq_uv.shards import code as module

    folder, root = copied(*EXTRACT), tmp_path_factory.mktemp("repository")
    first = key(folder)
    shutil.copytree(module.CODE.parent, root / "src", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(module, "CODE", root / "src/ffhq_uv")
    assert key(folder) == first
    with open(root / "src/ffhq_uv/tools/pack.py", "a") as other:
        other.write("\n# not what extract runs\n")
    assert key(folder) == first
    with open(root / "src/ffhq_uv/texture/poisson.py", "a") as own:
        own.write("\n# another version\n")
    assert key(folder) != first


def test_an_orphan_of_a_killed_run_keeps_others_out(tmp_path: Path) -> None:
    with inside(tmp_path), work_on("measure", "key", None):
        with pytest.raises(RuntimeError, match=f"process {os.getpid()} on"), work_on("measure", "key", None):
            pass
        remove_finished(but="filter")
        assert (tmp_path / "data/.partial-measure-key/shards").is_dir()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder to run in."""
    return tmp_path


def simple_run(folder: Path, make: object, *overrides: str) -> list[dict[str, object]]:
    """Rows of 20 samples without faces, in shards of 4, through ``make``."""
    with inside(folder), running("measure", read([*SMALL, *overrides]), SCHEMA) as started:
        rows = started.rows(make, simple.shards(20, 4))
    assert rows is not None
    return rows.select("id", "bs_error", "reason").to_dicts()


@pytest.mark.slow
def test_a_sample_that_kills_its_worker_is_not_finished_unless_it_may_be_left_out(project: Path) -> None:
    """Memory may have been short: nothing is kept of the sample, and everything of the others."""
    local = ("engine=local", "engine.workers=2")
    with pytest.raises(RuntimeError, match=r"died .*: 000005\. .*Run it again.*failures\.died=leave_out"):
        simple_run(project, simple.make_but_die_of_five, *local)
    rows = simple_run(project, simple.make_but_die_of_five, *local, "failures.died=leave_out")
    assert [row["id"] for row in rows] == [f"{number:06d}" for number in range(20)]
    assert {row["id"]: row["reason"] for row in rows if row["reason"]} == {"000005": WORKER_DIED}
    assert [row["bs_error"] for row in rows if not row["reason"]] == [number for number in range(20) if number != 5]
    rows = simple_run(project, simple.make)
    assert [row["reason"] for row in rows] == [None] * 20


def test_a_full_disk_is_one_clear_error_and_the_run_goes_on_afterwards(project: Path) -> None:
    with pytest.raises(OSError, match=r"No space left.*What is finished is kept; make room"):
        simple_run(project, simple.make_until_the_disk_is_full)
    (work,) = (project / "data").glob(".partial-measure-*")
    assert len(list((work / "shards").glob("*.parquet"))) == 1
    assert [row["reason"] for row in simple_run(project, simple.make)] == [None] * 20
    lines = [json.loads(line) for line in (project / "logs/measure.jsonl").read_text().splitlines()]
    assert sum(line["samples"] for line in lines) == 20  # each once


def test_a_shard_counts_only_once_its_files_are_there(tmp_path: Path) -> None:
    work = Work(tmp_path)
    (tmp_path / "shards").mkdir()
    rows, _ = simple.make(work, simple.Shard(["000001"]))
    with pytest.raises(FileNotFoundError):
        work.keep("one", rows, [tmp_path / "missing.png"])
    assert not work.has("one")
    assert not work.begun()
