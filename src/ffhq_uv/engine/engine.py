"""The loop between jobs and workers: back-pressure, retries, and who is to blame when a worker dies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Generic, TypeVar

from ffhq_uv.engine.backend import Backend, Pool
from ffhq_uv.engine.watch import Patience, Watch

Job = TypeVar("Job")
Result = TypeVar("Result")

IN_FLIGHT = 2
"""Jobs a slot that are with the workers: one that runs, and one so that no worker waits for the next."""

IN_COMPANY, ALONE = 2, 2
"""Deaths of its worker after which a job runs alone, and then deaths alone after which it is given up: who dies alone
is to blame, and twice is no accident."""

TICK, HELD = 1.0, 5.0
"""Seconds between two looks at jobs that run; and so many more are a sign that this process itself was held."""

HOPELESS = 16
"""Deaths in a row, no job finished between: then it is the workers that cannot work, not the jobs."""


@dataclass(frozen=True)
class Outcome(Generic[Job, Result]):
    """What became of a job: its result, or that it was lost: it killed its worker every time."""

    job: Job
    result: Result | None = None
    lost: bool = False


@dataclass(eq=False)
class _Attempt(Generic[Job]):
    """A job, and how often a worker died that had it.

    excused    its worker was ended because of another job
    """

    job: Job
    name: str
    deaths: int = 0
    excused: bool = False
    began: float | None = None
    told: float = 0.0

    def died(self) -> None:
        """Its worker did."""
        self.deaths += not self.excused
        self.excused, self.began, self.told = False, None, 0.0

    @property
    def suspect(self) -> bool:
        return self.deaths >= IN_COMPANY


class _Queue(Generic[Job]):
    """Jobs that are to run: those that lost their worker first, suspects last and alone."""

    def __init__(self, jobs: Iterable[Job], name: Callable[[Job], str]) -> None:
        self._fresh = (_Attempt(job, name(job)) for job in jobs)
        self._again: deque[_Attempt[Job]] = deque()
        self._suspects: deque[_Attempt[Job]] = deque()

    def take(self, *, idle: bool) -> _Attempt[Job] | None:
        """The next job; None if there is none, or only suspects while workers are not ``idle``."""
        if self._again:
            return self._again.popleft()
        fresh = next(self._fresh, None)
        if fresh is None and idle and self._suspects:
            return self._suspects.popleft()
        return fresh

    def put_back(self, attempt: _Attempt[Job]) -> None:
        (self._suspects if attempt.suspect else self._again).append(attempt)


class Engine:
    """Workers: opened when first needed, kept with the models that they loaded, closed on leaving the context."""

    def __init__(self, backend: Backend, patience: Patience | None = None) -> None:
        self._backend = backend
        self._patience = patience or Patience()
        self._opened = ExitStack()
        self._pool: Pool | None = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def outcomes(
        self, function: Callable[[Job], Result], jobs: Iterable[Job], name: Callable[[Job], str] = repr
    ) -> Iterator[Outcome[Job, Result]]:
        """The outcomes of ``function`` for ``jobs``, as they come, in no order.

        Jobs are taken only as outcomes are used (`IN_FLIGHT`). One whose worker died, or hung and was ended
        (`Patience`), runs again, then alone, and is given up in the end (`IN_COMPANY`, `ALONE`); the others lose
        nothing but time. An exception of the function is raised here, and what has not started is cancelled. ``name``
        is what a job is called where it is said that it takes long. Raises RuntimeError where no worker can work
        (`HOPELESS`).
        """
        queue, running = _Queue(jobs, name), dict[Future[Result], _Attempt[Job]]()
        watch, deaths = Watch[_Attempt[Job]](self._patience), 0
        try:
            while True:
                pool, broken = self._open(), False
                slots = pool.slots()
                while len(running) < IN_FLIGHT * slots and (attempt := queue.take(idle=not running)):
                    try:
                        running[pool.executor.submit(function, attempt.job)] = attempt
                    except BrokenExecutor:  # a worker died; if it was idle, that is nobody's fault
                        queue.put_back(attempt)
                        broken = True
                        break
                if not running and not broken:
                    return
                watch.started(islice(running.values(), slots))
                done = self._wait(running, watch) if running else set()
                failed = {future: error for future in done if (error := future.exception()) is not None}
                for future in done - failed.keys():
                    deaths = 0
                    watch.finished(running[future])
                    yield Outcome(running.pop(future).job, future.result())
                if errors := [error for error in failed.values() if not isinstance(error, self._backend.lost)]:
                    raise errors[0]
                dead = [running.pop(future) for future in failed]
                broken |= any(isinstance(error, BrokenExecutor) for error in failed.values())
                for overdue in watch.overdue(running.values()):
                    future = next(future for future, other in running.items() if other is overdue)
                    pool.end(future)
                    dead.append(running.pop(future))
                    for other in running.values():
                        other.excused = True
                for attempt in dead:
                    attempt.died()
                    if attempt.deaths < IN_COMPANY + ALONE:
                        queue.put_back(attempt)
                    else:
                        yield Outcome(attempt.job, lost=True)
                deaths += bool(dead)
                if deaths == HOPELESS:
                    raise RuntimeError(
                        f"workers died {HOPELESS} times in a row, no job finished between (out of memory?): "
                        "fewer workers (engine.workers=1) or smaller shards (engine.shard=1) may help"
                    )
                if broken and not running:
                    self._close()
        finally:
            for future in running:
                future.cancel()

    def _wait(self, running: dict[Future[Result], _Attempt[Job]], watch: Watch[_Attempt[Job]]) -> set[Future[Result]]:
        """The jobs that are done by the next look at them."""
        before = time.monotonic()
        done = wait(running, timeout=TICK, return_when=FIRST_COMPLETED).done
        if (late := time.monotonic() - before - TICK) > HELD:
            watch.slept(running.values(), late)
        return done

    def _open(self) -> Pool:
        if self._pool is None:
            self._pool = self._opened.enter_context(self._backend.open())
        return self._pool

    def _close(self) -> None:
        self._pool = None
        self._opened.close()
