"""Processes on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from typing import ParamSpec, TypeVar

from ffhq_uv.engine.backend import Backend, Pool
from ffhq_uv.engine.worker import die_with_parent
from ffhq_uv.interrupts import put_off

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def local(workers: int, gpus: float = 0) -> Backend:
    """``workers`` processes, each with ``gpus`` GPUs of its own, see `own_gpus`."""

    @contextmanager
    def open_pool() -> Iterator[Pool]:
        # "spawn": forking a process that has used threads (torch, OpenCV, polars) may deadlock.
        context = get_context("spawn")
        places: SimpleQueue[int] = context.SimpleQueue()
        for place in range(workers):
            places.put(place)
        pool = Processes(workers, context, _start, (places, gpus))
        try:
            yield Pool(pool, lambda: workers, pool.kill)
        finally:
            pool.kill()
            pool.shutdown(wait=False, cancel_futures=True)

    return Backend(open_pool, (BrokenExecutor,))


class Processes(ProcessPoolExecutor):
    """Processes that no key of the terminal reaches, and that can be killed."""

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """The future of a call."""
        with put_off():  # for the processes that start with it
            return super().submit(function, *args, **kwargs)

    def kill(self, _: object = None) -> None:
        """End all processes, stopped ones too: the death of one breaks the pool in any case."""
        for process in list((self._processes or {}).values()):  # `kill_workers`, from Python 3.14 on
            process.kill()


def _start(places: SimpleQueue[int], gpus: float) -> None:
    die_with_parent()
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = own_gpus(places.get(), gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def own_gpus(place: int, gpus: float, visible: str | None) -> str:
    """The GPUs of the worker at a place (0, 1, ...), as CUDA_VISIBLE_DEVICES names them.

    gpus       GPUs a worker, a whole number or a fraction: with 0.5, two workers share one
    visible    CUDA_VISIBLE_DEVICES before, whose GPUs are dealt out in its order; None for all of the machine

    Raises ValueError where ``visible`` has too few.
    """
    first = int(place * gpus + 1e-9)  # three workers of a third each share GPU 0
    wanted = range(first, first + max(1, int(gpus)))
    if visible is None:
        return ",".join(map(str, wanted))
    devices = [device for device in visible.split(",") if device]
    if wanted[-1] >= len(devices):
        raise ValueError(f"worker {place} needs GPU {wanted[-1]}, CUDA_VISIBLE_DEVICES has {len(devices)}: {visible}")
    return ",".join(devices[gpu] for gpu in wanted)
