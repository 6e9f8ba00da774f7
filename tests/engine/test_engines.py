"""One contract, four engines: every job's outcome, whoever computes it and whoever dies."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.engine import jobs
from tests.small_run import inside

from ffhq_uv.engine import Backend, Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.serial import SERIAL
from ffhq_uv.engine.watch import Patience
from ffhq_uv.engine.worker import OtherWorkerError, begin, call


def backend(name: str) -> Backend:
    if name == "dask":
        pytest.importorskip("distributed", reason="the extra dask is not installed")
        from ffhq_uv.engine.dask import dask

        return dask(None, 2)
    if name == "ray":
        pytest.importorskip("ray", reason="the extra ray is not installed")
        from ffhq_uv.engine.ray import ray

        return ray(None, 2)
    return {"local": local(2), "serial": SERIAL}[name]


PROCESSES = [pytest.param(name, marks=pytest.mark.slow) for name in ("local", "dask", "ray")]


@pytest.fixture(scope="module", params=["serial", *PROCESSES])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    with Engine(backend(request.param)) as engine:
        yield engine


mortal = pytest.mark.parametrize("engine", PROCESSES, indirect=True)
"""Engines whose workers may die."""


@pytest.mark.slow
def test_every_job_has_one_outcome(engine: Engine) -> None:
    outcomes = list(engine.outcomes(jobs.square, range(40)))
    assert sorted((outcome.job, outcome.result) for outcome in outcomes) == [(job, job * job) for job in range(40)]
    assert not any(outcome.lost for outcome in outcomes)


def test_an_exception_of_a_job_is_raised_as_it_was(engine: Engine) -> None:
    with pytest.raises(ValueError, match="three is refused"):
        list(engine.outcomes(jobs.refuse_three, range(9)))
    assert len(list(engine.outcomes(jobs.square, range(3)))) == 3  # and the workers live on


def test_jobs_are_taken_only_as_outcomes_are_used(engine: Engine) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    outcomes = engine.outcomes(jobs.square, endless())
    for used in range(1, 6):
        next(outcomes)
        assert len(taken) <= used + 2 * 2 + 1
    outcomes.close()


def test_a_job_runs_in_the_runs_folder_with_one_thread(engine: Engine, tmp_path: Path) -> None:
    before = Path.cwd()
    try:
        for function, expected in ((jobs.threads, 1), (jobs.folder, str(tmp_path))):
            with inside(tmp_path):
                run = begin(jobs.nothing)
            outcomes = engine.outcomes(partial(call, run, function), range(3))
            assert {outcome.result for outcome in outcomes} == {expected}
    finally:
        os.chdir(before)


def test_what_a_worker_keeps_of_one_run_is_not_taken_for_another(engine: Engine, tmp_path: Path) -> None:
    before = Path.cwd()
    try:
        for number in range(3):
            (folder := tmp_path / str(number)).mkdir()
            (folder / "file").write_text(str(number))
            with inside(folder):
                run = begin(jobs.nothing)
            outcomes = engine.outcomes(partial(call, run, jobs.content), ["file"] * 3)
            assert {outcome.result for outcome in outcomes} == {str(number)}
    finally:
        os.chdir(before)


def test_a_worker_serves_many_jobs(engine: Engine) -> None:
    """So that it loads its models once."""
    processes = {outcome.result for outcome in engine.outcomes(jobs.process, range(30))}
    assert len(processes) <= 2


@mortal
def test_a_job_whose_worker_dies_once_is_done(engine: Engine, tmp_path: Path) -> None:
    todo = [jobs.Deadly(number, tmp_path, times=int(number == 7)) for number in range(20)]
    outcomes = list(engine.outcomes(jobs.survive, todo))
    assert sorted(outcome.result for outcome in outcomes if outcome.result is not None) == list(range(20))


@mortal
def test_only_the_job_that_kills_is_given_up(engine: Engine, tmp_path: Path) -> None:
    todo = [jobs.Deadly(number, tmp_path, times=99 * (number in {3, 4})) for number in range(12)]
    outcomes = list(engine.outcomes(jobs.survive, todo))
    assert {outcome.job.number for outcome in outcomes if outcome.lost} == {3, 4}
    assert sorted(outcome.job.number for outcome in outcomes) == list(range(12))


@mortal
def test_a_worker_that_differs_from_the_run_refuses(engine: Engine) -> None:
    job = partial(call, begin(partial(jobs.here_only, os.getpid())), jobs.square)
    with pytest.raises(OtherWorkerError, match=r"has other code \(another, the run has one\)"):
        list(engine.outcomes(job, range(3)))
    same = partial(call, begin(jobs.nothing), jobs.square)
    assert len(list(engine.outcomes(same, range(3)))) == 3  # and works on for a run that is its own


@pytest.mark.slow
@pytest.mark.parametrize("name", ["local", "dask", "ray"])
def test_a_stopped_worker_is_ended_and_its_job_done_again(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    todo = [jobs.Deadly(number, tmp_path, times=int(number == 7)) for number in range(12)]
    with Engine(backend(name), Patience(times=2, least=15, first=3)) as engine:
        outcomes = list(engine.outcomes(jobs.stop_once, todo, name=lambda job: f"job {job.number}"))
    assert sorted(outcome.result for outcome in outcomes if outcome.result is not None) == list(range(12))
    said = capsys.readouterr().err
    assert "job 7: its worker is ended after" in said
    assert "the median is" in said


DRIVER = """
import signal, sys
from pathlib import Path
from tests.engine import jobs
from tests.engine.test_engines import backend
from ffhq_uv.command.line import end_soon
from ffhq_uv.engine import Engine
if __name__ == "__main__":
    signal.signal(signal.SIGINT, end_soon)
    with Engine(backend(sys.argv[1])) as engine:
        list(engine.outcomes(jobs.sleep_or_stop, [(Path(sys.argv[2]), sys.argv[3] == "stopped")] * 4))
"""


@pytest.mark.slow
@pytest.mark.parametrize("state", ["busy", "stopped"])
@pytest.mark.parametrize("name", ["local", "dask", "ray"])
def test_ctrl_c_ends_a_run_whatever_its_workers_do(name: str, state: str, tmp_path: Path) -> None:
    backend(name)  # skips
    (tmp_path / "driver.py").write_text(DRIVER)
    (marks := tmp_path / "marks").mkdir()
    driver = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py", name, marks, state],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while len(list(marks.iterdir())) < 2:
            assert time.monotonic() < end, "the workers did not start"
            time.sleep(0.05)
        os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
        driver.wait(timeout=10)  # 2 s; more on a machine that does other things, too
    finally:
        driver.kill()
        for path in marks.iterdir():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(path.name), signal.SIGKILL)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_an_address_that_is_silent_is_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    backend(name)
    monkeypatch.setattr("ffhq_uv.engine.reach.SILENT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with (
            pytest.raises(ConnectionError, match=rf"{address}: .*does not answer within"),
            cluster(name, address) as engine,
        ):
            list(engine.outcomes(jobs.square, [1]))
    with pytest.raises(ConnectionError, match=rf"{address}: no .* there: .*refused"), cluster(name, address) as engine:
        list(engine.outcomes(jobs.square, [1]))


def cluster(name: str, address: str) -> Engine:
    if name == "dask":
        from ffhq_uv.engine.dask import dask

        return Engine(dask(f"tcp://{address}", 1))
    from ffhq_uv.engine.ray import ray

    return Engine(ray(address, 1))
