"""pull from the public mirror: everything in place, only what was asked for, and the same after a kill."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from tests.download.hub import COMMIT, Hub, hub_serving
from tests.small_run import inside
from tests.small_run import run as small_run
from tests.stages.interrupting import SOURCE

from ffhq_uv.__main__ import main
from ffhq_uv.config import read
from ffhq_uv.source.report import planned

LATENTS = "dataset/ffhq-uv/face-latents"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small studio's files, by path; two of the archives packed as the mirror might have packed them."""
    folder = tmp_path_factory.mktemp("studio")
    assert small_run(folder, "pull", overrides=("source.people=12", "source.reference=6")) == [0]
    root = folder / "data/archives"
    files = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assets = io.BytesIO()
    with tarfile.open(fileobj=assets, mode="w") as archive:
        for path in [path for path in files if path.startswith("topo_assets/")]:
            (info := tarfile.TarInfo(path)).size = len(files[path])
            archive.addfile(info, io.BytesIO(files.pop(path)))
    tar = assets.getvalue()
    for number, begin in enumerate(range(0, len(tar), len(tar) // 3 + 1)):
        files[f"topo_assets.tar.part-a{'abc'[number]}"] = tar[begin : begin + len(tar) // 3 + 1]
    codes = files.pop(f"{LATENTS}/000.zip")
    files |= {f"{LATENTS}/000.zip.001": codes[:99_999], f"{LATENTS}/000.zip.002": codes[99_999:]}
    return {path: content for path, content in files.items() if not path.endswith("truth.parquet")}


@pytest.fixture
def hub(published: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub", reason="the extra hf is not installed")
    with hub_serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for path, content in published.items():
            hub.put(f"FFHQ-UV/{path}", content)
        hub.put("FFHQ-UV/dataset/ffhq-uv-interpolate/uv-maps/000.zip", b"never asked for")
        hub.put("README.md", b"# FFHQ-UV")
        yield hub


def run(folder: Path, *stages: str, overrides: tuple[str, ...] = ()) -> list[int]:
    with inside(folder):
        return [main([stage, "source=ffhq_uv", *overrides]) for stage in stages]


def test_everything_comes_by_itself(hub: Hub, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "pull", "index") == [0, 0]
    said = capfd.readouterr().out
    assert f"hf://datasets/csbhr/FFHQ-UV is at {COMMIT}" in said
    assert "files to come, " in said
    assert "passed over, belongs to no published part: README.md" in said
    assert "passed over, source.exclude: dataset/ffhq-uv-interpolate/uv-maps/000.zip" in said
    assert "dataset/ffhq-uv/uv-maps: 12 samples, 54,153 fewer than the 54,165 published" in said
    assert "interpolate: none" not in said
    assert (tmp_path / "data/archives/topo_assets/hair_mask.png").is_file()
    assert not list((tmp_path / "data/archives").glob("*.tar*"))
    manifest = json.loads((tmp_path / "data/manifest.json").read_text())
    assert manifest["revisions"] == {"hf://datasets/csbhr/FFHQ-UV": COMMIT}
    assert manifest["samples"][LATENTS] == 12
    index = pl.read_parquet(tmp_path / "data/index.parquet")
    assert (len(index), index["reason"].null_count()) == (12, 12)


def test_what_a_plan_says_of_it(hub: Hub) -> None:
    config = read(["source=ffhq_uv", "source.parts=[dataset/ffhq-uv/face-latents]"])
    said = planned(config.source, 1, 2)  # type: ignore[arg-type]
    size = sum(len(content) for path, content in hub.files.items() if LATENTS in path)
    assert said == f"pull: 2 files, {size / 1e6:.1f} MB"
    hub.token = "somebody's"
    assert "accept the terms" in planned(config.source, 1, 2)  # type: ignore[arg-type]


def test_only_what_is_asked_for_comes(hub: Hub, tmp_path: Path) -> None:
    hub.put("FFHQ-UV/dataset/ffhq-uv/uv-maps/001.zip", b"the next thousand")
    asked = ("source.parts=[dataset/ffhq-uv,dataset_project/latents,dataset_project/attributes]", "source.samples=5")
    assert run(tmp_path, "pull", "index", overrides=asked) == [0, 0]
    came = {path.name for path in (tmp_path / "data/archives").rglob("*") if path.is_file()}
    assert {"000.zip", "000.zip.001", "000.zip.002", "latents.zip", "meta-info.json"} <= came
    assert came.isdisjoint({"001.zip", "hair_mask.png", "lights.zip"})
    for table in ("index", "reference-index"):
        assert len(pl.read_parquet(tmp_path / f"data/{table}.parquet")) == 5
    assert run(tmp_path, "pull", "index", overrides=("source.samples=['000007','000003','00002']",)) == [0, 0]
    assert pl.read_parquet(tmp_path / "data/index.parquet")["id"].to_list() == ["000003", "000007"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("source.parts=[datasets]", "datasets is no published part; there are dataset, dataset_project"),
        ("source.samples=[7]", "7 is no id"),
        ("source.samples=['000001.png']", "000001.png is no id"),
        ("source.parts=[dataset/none]", "nothing of what hf://datasets/csbhr/FFHQ-UV offers is asked for"),
        ("source.revision=v9", "knows no revision v9"),
    ],
)
def test_what_nobody_has_is_one_line(
    hub: Hub, tmp_path: Path, override: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "pull", overrides=(override, "pull.tries=1")) != [0]
    assert said in (line := capsys.readouterr().err.strip())
    assert "\n" not in line


def test_killed_and_run_again_it_ends_whole_and_fetches_nothing_twice(hub: Hub, tmp_path: Path) -> None:
    hub.cdn.pause = 0.02
    command = [sys.executable, "-m", "ffhq_uv", "pull", "source=ffhq_uv", "pull.parallel=1"]
    process = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(SOURCE)})
    kept = tmp_path / ".dvc/tmp/downloads"
    while process.poll() is None and len(list(kept.rglob("*.zip"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "data/manifest.json").exists()
    done = {str(path.relative_to(kept)) for path in kept.rglob("[!.]*") if path.is_file()}
    hub.cdn.pause, before = 0, len(hub.cdn.asked)
    assert run(tmp_path, "pull") == [0]
    again = [path for _, path, _ in hub.cdn.asked[before:]]
    assert len(again) == len(set(again))
    assert len(again) <= len(hub.cdn.files) - sum(name.endswith(".zip") for name in done)
    assert json.loads((tmp_path / "data/manifest.json").read_text())["samples"][LATENTS] == 12
