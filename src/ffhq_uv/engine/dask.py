"""Dask workers: of a cluster that runs, or of one started on this machine."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from ffhq_uv.engine.backend import Backend, Pool
from ffhq_uv.engine.reach import SILENT, check_speaks

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")

PATIENCE = 2
"""Seconds after which the scheduler is asked whether a task still runs."""


def dask(address: str | None, workers: int, gpus: float = 0) -> Backend:
    """The workers of the scheduler at ``address``, or without one ``workers`` processes on this machine.

    gpus    GPUs a job needs; the cluster's workers must offer them: ``dask worker --resources GPU=1``

    Raises ModuleNotFoundError without Dask, and OSError where no scheduler answers or it has no workers.
    """
    import distributed
    from distributed.client import FutureCancelledError
    from distributed.scheduler import KilledWorker

    @contextmanager
    def open_pool() -> Iterator[Pool]:
        import dask

        with ExitStack() as opened:
            # A worker's death is told at once: who is to blame is for the engine to find out.
            opened.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": 0}))
            if address is None:
                cluster = distributed.LocalCluster(
                    n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, memory_limit=0
                )
                opened.enter_context(cluster)
                client = opened.enter_context(distributed.Client(cluster))
            else:
                check_speaks(address, "Dask scheduler")
                client = opened.enter_context(distributed.Client(address, timeout=30))
                try:
                    client.wait_for_workers(1, timeout=60)
                except (TimeoutError, asyncio.TimeoutError):  # one and the same from Python 3.11 on
                    raise OSError(f"{address}: no Dask worker came within a minute: dask worker {address}") from None
            executor = DaskExecutor(client, gpus)
            if address is None:
                opened.callback(lambda: _kill(cluster) if executor.busy() else None)
            yield Pool(executor, executor.slots, executor.end)

    return Backend(open_pool, (KilledWorker, FutureCancelledError, Forgotten, Deserted))


class DaskExecutor(Executor):
    """Calls as Dask tasks.

    A thread waits for each, and asks the scheduler now and then: a client was seen to wait for ever for a task done by
    a worker that died before it gave the result away, and a nanny not to replace a worker that died as it started.
    """

    def __init__(self, client: Any, gpus: float) -> None:
        self._client = client
        self._gpus, self._resources = gpus, {"GPU": gpus} if gpus else None
        self._keys: dict[Future[Any], str] = {}

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """The future of a call."""
        future: Future[Result] = Future()
        task = self._client.submit(function, *args, **kwargs, pure=False, resources=self._resources)
        self._keys[future] = task.key

        def settle() -> None:
            try:
                result = self._result(task)
            except BaseException as error:
                settled = partial(future.set_exception, error)
            else:
                settled = partial(future.set_result, result)
            self._keys.pop(future, None)
            if future.set_running_or_notify_cancel():
                settled()

        Thread(target=settle, daemon=True).start()
        return future

    def busy(self) -> bool:
        """Whether any call has not ended."""
        return bool(self._keys)

    def slots(self) -> int:
        """How many calls the workers that are there run at once."""
        workers: list[tuple[int, float]] = self._client.run_on_scheduler(_offers)
        return max(1, sum(min(threads, int(gpus / self._gpus)) if self._gpus else threads for threads, gpus in workers))

    def end(self, future: Future[Any]) -> None:
        """End the worker that has a call: by its nanny, or else the scheduler forgets it."""
        future.cancel()
        if (key := self._keys.get(future)) is None:
            return
        if (worker := self._client.run_on_scheduler(_worker, key)) is not None:
            try:
                self._client.restart_workers([worker], timeout=SILENT, raise_for_error=False)
            except ValueError:  # it has no nanny
                self._client.run_on_scheduler(_forget, worker)

    def _result(self, task: Any) -> Any:
        while True:
            try:
                return task.result(timeout=PATIENCE)
            except (TimeoutError, asyncio.TimeoutError):
                if task.status == "error":
                    raise  # the job's own
                if self._client.run_on_scheduler(_state, task.key) not in {"waiting", "queued", "processing", "memory"}:
                    raise Forgotten(task.key) from None
                if not self._client.nthreads():
                    raise Deserted("Dask: no worker is left") from None


class Forgotten(Exception):
    """A task of which the scheduler expects nothing more, and whose result never came."""


class Deserted(BrokenExecutor):
    """No worker is left."""


def _kill(cluster: Any) -> None:
    """End the processes of a cluster of ours at once: whoever is still at work, or hangs, is not waited for."""
    for nanny in cluster.workers.values():
        nanny.close_gracefully()  # so that it starts no other
        if nanny.pid:
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


def _offers(dask_scheduler: Any) -> list[tuple[int, float]]:
    """Threads and GPUs of every worker."""
    return [(worker.nthreads, worker.resources.get("GPU", 0)) for worker in dask_scheduler.workers.values()]


def _worker(key: str, dask_scheduler: Any) -> str | None:
    """The address of the worker that has a task."""
    task = dask_scheduler.tasks.get(key)
    return task.processing_on.address if task and task.processing_on else None


async def _forget(worker: str, dask_scheduler: Any) -> None:
    await dask_scheduler.remove_worker(worker, stimulus_id="hung", close=True, expected=False)


def _state(key: str, dask_scheduler: Any) -> str | None:
    task = dask_scheduler.tasks.get(key)
    return None if task is None else task.state
