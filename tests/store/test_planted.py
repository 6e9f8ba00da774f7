"""Whatever the configuration says, no file of the user's is removed or overwritten."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from omegaconf import OmegaConf
from tests.small_run import inside
from tests.test_pipeline_definition import STAGES

from ffhq_uv.__main__ import main
from ffhq_uv.config import composed
from ffhq_uv.store.written import check_replaceable, list_of, remember

META = "dataset/ffhq-uv/meta-info.json"
NAMES = ("dataset/ffhq-uv/face-latents/000.zip", META, "dataset_project/latents.zip", "topo_assets/hair_mask.png")


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder to run in, with files of the user's own everywhere that a stage might write."""
    folder = tmp_path / "repository"
    for place in ("data/archives", "data/latents", "data/ffhq-uv-interpolate", "elsewhere", ".dvc/tmp/downloads"):
        for name in NAMES:
            (path := folder / place / name).parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{{}} the user's only {place}/{name}")
    (folder / "data/notes.txt").write_text("notes")
    (tmp_path / "link").symlink_to(folder / "data/archives")
    (tmp_path / "above").symlink_to(folder)
    (folder / "inner").mkdir()
    (folder / "inner/topo_assets").symlink_to(folder / "data/archives/topo_assets")
    rows = "".join(f"data/archives/{name}\n" for name in NAMES)
    (folder / "list.txt").write_text(rows)
    return folder


def tree(folder: Path) -> dict[str, str]:
    """The user's files that are there, by content."""
    found = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    kept = [
        path
        for path in found
        if not path.name.startswith((".partial-", ".lock", ".fetched")) and "conf" not in path.parts
    ]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept}


LINK, COPY = "pull.mode=link", "pull.mode=copy"
DESTRUCTIVE = [
    ("source.url=data/archives", LINK),
    ("source.url=data/archives", COPY),
    ("source.url=.", LINK),
    ("source.url=.", COPY),
    ("source.url=data", LINK),
    ("source.url=data/archives/dataset", LINK),
    ("source.url=../repository/data/../data/archives", LINK),
    ("source.url=../link", LINK),
    ("source.url=../link/dataset", COPY),
    ("source.url=../above", LINK),
    ("source.url=inner", LINK),
    ("source.url=inner", COPY),
    ("source.url=list.txt", LINK),
    ("source.url=list.txt", COPY),
    ("source.url=elsewhere", "source.topo_assets=data/archives/topo_assets", LINK),
    ("source.url=data/latents", LINK),
    ("source.url=data/ffhq-uv-interpolate", COPY),
    ("source.url=elsewhere", LINK),  # what is in data/archives was not written by the program
    ("source.url=elsewhere", COPY),  # nor what is in pull.downloads
    ("source.url=elsewhere", COPY, "pull.downloads=elsewhere"),
    ("source.url=elsewhere", COPY, "pull.downloads=."),
    ("source.url=elsewhere", LINK, "source.lock=data/archives/our.sha256"),
    ("source.url=elsewhere", LINK, f"source.lock=elsewhere/{META}"),
    ("source=studio", "source.people=2"),
]


@pytest.mark.parametrize("overrides", DESTRUCTIVE, ids=" ".join)
def test_destructive_configurations_leave_the_users_files_alone(
    planted: Path, overrides: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(planted)
    with inside(planted):
        assert main(["pull", "source=ffhq_uv", *overrides]) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert tree(planted) == before


def test_a_source_in_the_archives_is_refused_before_dvc_runs_pull(
    planted: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_EXP_NAME", "own-archives")
    recorded = composed(["source=ffhq_uv", "source.url=data/archives"])
    (planted / "params.yaml").write_text(OmegaConf.to_yaml(recorded))
    with inside(planted):
        assert main(["config"]) == 2
    assert "source.url=data/archives is the same as data/archives, which is made anew" in capsys.readouterr().err
    (pull,) = (out for out in STAGES["pull"]["outs"] if "data/archives" in out)
    assert pull["data/archives"]["persist"]  # nor does DVC remove what the user put there


def test_a_folder_counts_as_written_while_nothing_in_it_changes(tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    (folder / "one").write_text("1")
    remember(folder, folder)
    check_replaceable(folder)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    shutil.copyfile(list_of(folder), list_of(copy))
    check_replaceable(copy)
    (copy / "two").write_text("2")
    with pytest.raises(RuntimeError, match=r"1 of its files .*'two'.*rm -r"):
        check_replaceable(copy)
    (folder / "one").write_text("3")
    with pytest.raises(RuntimeError, match="'one'"):
        check_replaceable(folder)


def test_a_link_is_refused_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data/archives").symlink_to(tmp_path / "disk")
    with inside(tmp_path):
        assert main(["pull", "source.people=2", "source.reference=2"]) == 1
    assert "let data/ be the link" in capsys.readouterr().err
