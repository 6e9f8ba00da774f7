"""The engine: the order of the jobs, whoever computes them; and honest failures."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from ffhq_uv.engine import local_map


def square(job: int) -> int:
    return job * job


def threads(_: int) -> int:
    return torch.get_num_threads()


def refuse_three(job: int) -> int:
    if job == 3:
        raise ValueError("three is refused")
    return job


def die(_: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_jobs(workers: int) -> None:
    assert list(local_map(square, range(20), workers)) == [job * job for job in range(20)]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_computes_with_one_thread(workers: int) -> None:
    assert set(local_map(threads, range(3), workers)) == {1}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_of_a_job_is_raised(workers: int) -> None:
    with pytest.raises(ValueError, match="three is refused"):
        list(local_map(refuse_three, range(9), workers))


def test_jobs_are_taken_only_as_results_are_used() -> None:
    taken = []

    def jobs():
        for job in range(100):
            taken.append(job)
            yield job

    results = local_map(square, jobs(), 2)
    next(results)
    assert len(taken) <= 5
    results.close()


def test_a_dead_worker_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match=r"engine\.workers"):
        list(local_map(die, range(4), 2))
