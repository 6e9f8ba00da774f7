"""What every worker does before its first job, whoever started it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from functools import lru_cache
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TypeVar

THREADS = tuple(f"{library}_NUM_THREADS" for library in ("OMP", "OPENBLAS", "MKL", "NUMBA"))
"""Where libraries read, when they are first imported, how many threads to compute with."""

Job = TypeVar("Job")
Result = TypeVar("Result")


def call(folder: Path, function: Callable[[Job], Result], job: Job) -> Result:
    """Run a job in the folder that its paths are relative to, with one thread."""
    _prepare(folder)
    return function(job)


@lru_cache(maxsize=1)
def _prepare(folder: Path) -> None:
    os.chdir(folder)
    one_thread()


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
