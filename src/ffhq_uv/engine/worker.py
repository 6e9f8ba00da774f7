"""What every worker does before its first job of a run, whoever started it."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from ffhq_uv.once import forget

THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"))
"""Where libraries read, when they are first imported, how many threads to compute with."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class OtherWorkerError(RuntimeError):
    """A worker would give other results than the run it is to work for."""


@dataclass(frozen=True)
class Run:
    """What a job says of the run that it belongs to.

    folder     that its paths are relative to
    look       finds what results depend on beside the job, by name: where the run was started, and where a worker is
    depends    what it found where the run was started
    token      no other run's
    """

    folder: Path
    look: Callable[[], Mapping[str, str]]
    depends: Mapping[str, str]
    token: str


def begin(look: Callable[[], Mapping[str, str]]) -> Run:
    """A run in the current folder; what this process kept of another is forgotten."""
    forget()
    run = Run(Path.cwd(), look, look(), uuid4().hex)
    _begun_here.add(run.token)
    return run


def call(run: Run, function: Callable[[Job], Result], job: Job) -> Result:
    """Run a job in the folder that its paths are relative to, with one thread.

    Raises OtherWorkerError where this process has other code, libraries or checkpoints than the run.
    """
    with _served.at_work(run):
        return function(job)


class _Served:
    """The run that this process serves. One at a time, since there is one current folder."""

    def __init__(self) -> None:
        self._token, self._jobs, self._free = "", 0, threading.Condition()

    @contextmanager
    def at_work(self, run: Run) -> Iterator[None]:
        with self._free:
            self._free.wait_for(lambda: run.token == self._token or not self._jobs)
            if run.token != self._token:
                self._token = ""
                _prepare(run)
                self._token = run.token
            self._jobs += 1
        try:
            yield
        finally:
            with self._free:
                self._jobs -= 1
                self._free.notify_all()


_served = _Served()
_begun_here: set[str] = set()
"""Runs that this process started itself: it cannot differ."""


def _prepare(run: Run) -> None:
    os.chdir(run.folder)
    if run.token not in _begun_here:
        forget()
        _check(run)
    one_thread()


def _check(run: Run) -> None:
    found = run.look()
    names = sorted(found.keys() | run.depends.keys())
    differ = [
        f"{name} ({found.get(name, 'none')}, the run has {run.depends.get(name, 'none')})"
        for name in names
        if found.get(name) != run.depends.get(name)
    ]
    if differ:
        raise OtherWorkerError(
            f"the worker {os.getpid()} on {socket.gethostname()} has other {', '.join(differ[:5])}: its results would "
            f"be those of another program. Start it anew, with the packages and the code of {run.folder}"
        )


def one_thread() -> None:
    """Let this process compute with one thread, so that the machine's number of cores changes no byte."""
    import cv2
    from threadpoolctl import threadpool_limits

    os.environ |= dict.fromkeys(THREADS, "1")  # for what is imported later: torch alone takes two seconds to load
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1)  # the BLAS behind NumPy, which adds up in another order with more threads


def die_with_parent() -> None:
    """End this process as soon as the one that started it is gone, however that ended: nobody waits for the results."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
