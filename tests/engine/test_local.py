"""Processes on this machine: none outlives its run, each has its GPUs, and hopeless ones are not tried for ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.engine import jobs

from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local, own_gpus


def lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def within(seconds: float, condition: object) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


DRIVER = """
import sys
from pathlib import Path
from tests.engine import jobs
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
if __name__ == "__main__":
    with Engine(local(2)) as engine:
        list(engine.outcomes(jobs.sleep_long, [Path(sys.argv[1])] * 4))
"""


@pytest.mark.slow
def test_no_worker_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "driver.py").write_text(DRIVER)
    (tmp_path / "marks").mkdir()
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    driver = subprocess.Popen([sys.executable, tmp_path / "driver.py", tmp_path / "marks"], env=environment)
    assert within(30, lambda: len(list((tmp_path / "marks").iterdir())) == 2)
    workers = [int(path.name) for path in (tmp_path / "marks").iterdir()]
    assert all(map(lives, workers))
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    assert within(10, lambda: not any(map(lives, workers)))


@pytest.mark.slow
def test_workers_that_all_die_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffhq_uv.engine.engine.HOPELESS", 3)
    with Engine(local(2)) as engine, pytest.raises(RuntimeError, match=r"engine\.workers=1"):
        list(engine.outcomes(jobs.die, range(100)))


@pytest.mark.slow
def test_every_worker_sees_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,2")
    with Engine(local(2, gpus=1)) as engine:
        assert {outcome.result for outcome in engine.outcomes(jobs.gpus, range(8))} == {"5", "2"}


@pytest.mark.parametrize(
    ("gpus", "visible", "expected"),
    [
        (1, None, ["0", "1", "2"]),
        (2, None, ["0,1", "2,3", "4,5"]),
        (0.5, None, ["0", "0", "1"]),
        (1 / 3, None, ["0", "0", "0"]),
        (1, "3,GPU-a,7", ["3", "GPU-a", "7"]),
    ],
)
def test_gpus_are_dealt_out_in_turn(gpus: float, visible: str | None, expected: list[str]) -> None:
    assert [own_gpus(place, gpus, visible) for place in range(3)] == expected


def test_too_few_gpus_are_an_error() -> None:
    with pytest.raises(ValueError, match="worker 2 needs GPU 2, CUDA_VISIBLE_DEVICES has 2"):
        own_gpus(2, 1, "0,1")
