"""Map a function over jobs. A job is small (ids and rows, never pixels) and so is its result."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

import cv2
import torch
from threadpoolctl import threadpool_limits

Job = TypeVar("Job")
Result = TypeVar("Result")


def local_map(function: Callable[[Job], Result], jobs: Iterable[Job], workers: int | None) -> Iterator[Result]:
    """Results of ``function`` in the order of ``jobs``, computed by ``workers`` processes (None: one a core).

    Every worker computes with one thread, so that neither their number nor the machine's changes a byte. At most
    two jobs a worker are in flight. An exception of a job is raised here; RuntimeError if a worker died.
    """
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        one_thread()
        yield from map(function, jobs)
        return
    # "spawn": forking a process that has used threads (torch, OpenCV, polars) may deadlock.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=one_thread) as pool:
        remaining = iter(jobs)
        pending = [pool.submit(function, job) for job in islice(remaining, 2 * workers)]
        try:
            while pending:
                yield pending.pop(0).result()
                pending.extend(pool.submit(function, job) for job in islice(remaining, 1))
        except BrokenProcessPool:
            raise RuntimeError(
                "a worker process died (out of memory?); run again with fewer workers: engine.workers=1"
            ) from None
        finally:
            for future in pending:
                future.cancel()


def one_thread() -> None:
    """Let this process compute with one thread, so that the machine's number of cores changes no byte."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    threadpool_limits(1)  # the BLAS behind NumPy, which adds up in another order with more threads
