"""A small studio's whole run, made once for all tests of the stages."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ffhq_uv.__main__ import main

SMALL = [
    "source.people=40",
    "source.reference=12",
    "source.map_size=64",
    "generator.size=128",
    "texture.size=128",
    "classify.age_edges=[40]",
    "interpolate.count=24",
    "engine=serial",
]
STAGES = ("pull", "index", "measure", "truth", "filter", "classify", "interpolate", "extract", "evaluate")


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Run in a folder: stages keep their files below the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(folder: Path, *stages: str, overrides: tuple[str, ...] = ()) -> list[int]:
    """Exit codes of stages run one after the other in a folder, on the small studio."""
    with inside(folder):
        return [main([stage, *SMALL, *overrides]) for stage in stages]


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run")
    assert run(folder, *STAGES) == [0] * len(STAGES)
    return folder


@pytest.fixture
def copied(small_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with copies of some of the finished run's files, to damage or to go on from."""

    def copy(*names: str) -> Path:
        import shutil

        for name in names:
            source, target = small_run / name, tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return tmp_path

    return copy
