"""The stage pull: copied, linked or fetched; locked; interrupted; on a full disk."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.download.conftest import serving
from tests.small_run import inside
from tests.small_run import run as small_run
from tests.stages.interrupting import SOURCE, interrupted, serve_studio

from ffhq_uv.__main__ import main

META = "dataset/ffhq-uv/meta-info.json"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small studio's archives."""
    folder = tmp_path_factory.mktemp("studio")
    assert small_run(folder, "pull", overrides=("source.people=12", "source.reference=6")) == [0]
    return folder / "data/archives"


@pytest.fixture
def archives(studio: Path, tmp_path: Path) -> Path:
    """A published tree beside the folder of the run, to change."""
    shutil.copytree(studio, tmp_path / "published")
    (tmp_path / "dvc.yaml").touch()  # a folder of a project
    return tmp_path / "published"


def run(folder: Path, *stages: str, overrides: tuple[str, ...]) -> list[int]:
    """Exit codes of stages run one after the other in a folder."""
    with inside(folder):
        return [main([stage, *overrides]) for stage in stages]


def pulled(folder: Path) -> dict[str, bytes]:
    root = folder / "data/archives"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_folder_is_copied_once_and_then_found(archives: Path, tmp_path: Path) -> None:
    (archives / "fitting_realy.zip").write_bytes(b"not ours to take")
    source = ("source=ffhq_uv", f"source.url={archives}")
    assert run(tmp_path, "pull", "index", overrides=source) == [0, 0]
    names = {name for name in pulled(tmp_path) if not name.endswith(".members")}
    assert names == {
        path.relative_to(archives).as_posix()
        for part in ("dataset", "dataset_project", "topo_assets")
        for path in (archives / part).rglob("*")
        if path.is_file()
    }
    manifest = json.loads((tmp_path / "data/manifest.json").read_text())
    assert manifest["samples"]["dataset/ffhq-uv/face-latents"] == 12
    assert "dataset/ffhq-uv/uv-maps: 12 samples, 54,153 fewer than the 54,165 published" in manifest["differences"]
    listed = {entry["path"]: entry["sha256"] for entry in manifest["files"]}
    assert listed[META] == hashlib.sha256((archives / META).read_bytes()).hexdigest()

    inode = (tmp_path / "data/archives" / META).stat().st_ino
    assert run(tmp_path, "pull", overrides=source) == [0]
    assert (tmp_path / "data/archives" / META).stat().st_ino == inode  # not copied again


@pytest.mark.slow
def test_links_are_read_like_files(archives: Path, tmp_path: Path) -> None:
    source = ("source=ffhq_uv", f"source.url={archives}", "pull.mode=link")
    assert run(tmp_path, "pull", "index", overrides=source) == [0, 0]
    assert (tmp_path / "data/archives" / META).is_symlink()
    assert not (tmp_path / ".dvc").exists()
    linked = (tmp_path / "data/latents/ffhq-uv.npy").read_bytes()
    assert run(tmp_path, "pull", "index", overrides=source[:2]) == [0, 0]
    assert (tmp_path / "data/latents/ffhq-uv.npy").read_bytes() == linked


def test_a_part_may_lie_elsewhere_and_patterns_leave_out(archives: Path, tmp_path: Path) -> None:
    (archives / "topo_assets").rename(tmp_path / "elsewhere")
    source = (
        *("source=ffhq_uv", f"source.url={archives}", f"source.topo_assets={tmp_path / 'elsewhere'}"),
        "source.exclude=[dataset/*/uv-maps/*]",
    )
    assert run(tmp_path, "pull", overrides=source) == [0]
    folders = {"/".join(name.split("/")[:3]) for name in pulled(tmp_path)}
    assert "topo_assets/hair_mask.png" in folders
    assert "dataset/ffhq-uv/uv-maps" not in folders


@pytest.mark.slow
def test_the_lock_is_written_once_and_held_to(
    archives: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ("source=ffhq_uv", f"source.url={archives}", "source.lock=ours.sha256", "pull.mode=link")
    assert run(tmp_path, "pull", overrides=source) == [0]
    lock = (tmp_path / "ours.sha256").read_text()
    subprocess.run(["sha256sum", "--check", "--quiet", tmp_path / "ours.sha256"], cwd=archives, check=True)
    assert run(tmp_path, "pull", overrides=source) == [0]
    changed = (archives / META).read_text().replace('"Age": ', '"Age":  ', 1)
    (archives / META).write_text(changed)
    (archives / "topo_assets/more.png").touch()
    for mode in ("link", "copy"):
        assert run(tmp_path, "pull", overrides=(*source[:3], f"pull.mode={mode}")) == [1]
        assert META in (said := capsys.readouterr().err)
        assert "ours.sha256" in said or "SHA-256" in said
    assert (tmp_path / "ours.sha256").read_text() == lock
    (tmp_path / "ours.sha256").unlink()
    assert run(tmp_path, "pull", overrides=source) == [0]
    assert (tmp_path / "ours.sha256").read_text() != lock


def test_only_files_of_this_machine_can_be_linked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as web:
        web.files["/SHA256SUMS"] = b"dataset/ffhq-uv/meta-info.json\n"
        source = ("source=ffhq_uv", f"source.url={web.url}", "pull.mode=link")
        assert run(tmp_path, "pull", overrides=source) == [2]
    assert "needs files of this machine" in capsys.readouterr().err


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    """In the large: python -m tests.stages.interrupting."""
    with serving() as web:
        serve_studio(web, tmp_path / "studio")
        interrupted(tmp_path, kills=3, seed=2, web=web)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["pull", "index"])
def test_a_full_disk_is_one_clear_error_and_no_file_under_a_final_name(
    stage: str, archives: Path, tmp_path: Path
) -> None:
    """The kernel refuses to let a file grow beyond 100 kB; the zips and the codes are larger."""
    source = ("source=ffhq_uv", f"source.url={archives}")
    if stage == "index":
        assert run(tmp_path, "pull", overrides=source) == [0]
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    done = subprocess.run(
        [sys.executable, "-m", "ffhq_uv", stage, *source],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ffhq_uv {stage}: ")
    assert "File too large" in last
    after = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    small = [path for path in after if not any(part.startswith(".") for part in path.relative_to(tmp_path).parts)]
    if stage == "index":
        assert small == []
    else:
        assert not (tmp_path / "data/archives").exists()
        assert not (tmp_path / "data/manifest.json").exists()
        kept = [path for path in after if path.suffix == ".zip"]
        assert all(path.stat().st_size < 100_000 for path in kept)


@pytest.mark.slow
def test_a_list_is_asked_for_as_often_as_configured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "dvc.yaml").touch()
    with serving() as web:
        web.files["/list.txt"] = b"topo_assets/hair_mask.png\n"
        web.trouble["/list.txt"] = [503] * 9
        place = ("source=ffhq_uv", f"source.url={web.url}/list.txt", "pull.tries=3")
        assert run(tmp_path, "pull", overrides=place) == [1]
        assert [path for _, path, _ in web.asked] == ["/list.txt"] * 3
    assert "gave up after 3 tries" in capsys.readouterr().err
