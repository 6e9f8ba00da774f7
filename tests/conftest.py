"""Makes what several rooms' tests share importable, and trains a landmark model for those that need one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from tests.small_run import STAGES, run  # and with it, every library computes with one thread, as in a run

if TYPE_CHECKING:  # the studio's kernels take seconds to import; most tests do without
    from studio_landmarks import Faces

# A busy machine, or a kernel that is compiled on the way, is no failure.
settings.register_profile("patient", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=20)
settings.load_profile("patient")


QUICK = 1.0
"""Seconds that a test may take without being marked slow, which `make quick` leaves out."""
LONG = {"small_run", "landmark_model", "strangers"}
"""Fixtures that take longer: their tests are marked slow here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of long fixtures slow, so that `make quick` leaves them out; files with slow tests come first."""
    for item in items:
        if LONG & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that have grown slow, also allowing for a busy machine, and are not marked so."""
    reports = terminalreporter.getreports("passed")
    grown = [report for report in reports if report.duration > 3 * QUICK and "slow" not in report.keywords]
    for report in sorted(grown, key=lambda report: -report.duration):
        terminalreporter.write_line(f"to be marked slow, {report.duration:.1f} s: {report.nodeid}")


@pytest.fixture(scope="session")
def studio_assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The studio's topo_assets/."""
    from ffhq_uv.studio.assets import write_assets

    folder = tmp_path_factory.mktemp("studio") / "topo_assets"
    write_assets(folder)
    return folder


@pytest.fixture(scope="session")
def strangers(studio_assets: Path) -> Faces:
    """Studio people that the landmark model was not trained on."""
    from studio_landmarks import people

    return people(studio_assets, range(100, 104), 256)


@pytest.fixture(scope="session")
def landmark_model(studio_assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ``shape_predictor_68_face_landmarks.dat`` in its published place; skips without dlib."""
    dlib = pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    from ffhq_uv.analysis.landmark_files import LANDMARKS
    from studio_landmarks import people, train

    path = tmp_path_factory.mktemp("dlib") / LANDMARKS
    path.parent.mkdir(parents=True)
    train(dlib, people(studio_assets, range(24), 192), path)
    return path


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
        for name in names:
            source, target = small_run / name, tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
        return tmp_path

    return copy
