"""One contract, four engines: every job's outcome, whoever computes it and whoever dies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from tests.engine import jobs

from ffhq_uv.engine import Backend, Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.serial import SERIAL
from ffhq_uv.engine.worker import call


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
            outcomes = engine.outcomes(partial(call, tmp_path, function), range(3))
            assert {outcome.result for outcome in outcomes} == {expected}
    finally:
        call(before, jobs.folder, 0)


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
