"""Ray tasks: on a cluster that runs, or on one started on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from ffhq_uv.engine.backend import Backend, Pool
from ffhq_uv.engine.reach import check_speaks

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def ray(address: str | None, workers: int, gpus: float = 0) -> Backend:
    """The cluster at ``address`` ("auto": the one of this machine), or without one ``workers`` processes here.

    gpus    GPUs a job gets, which may be a fraction

    Raises ModuleNotFoundError without Ray, and ConnectionError where no cluster answers.
    """
    import ray
    from ray import exceptions

    @contextmanager
    def open_pool() -> Iterator[Pool]:
        if address and address != "auto":
            check_speaks(address, "Ray")
        started = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address or "local", log_to_driver=False, logging_level="warning", **started)
        try:
            resources = ray.cluster_resources()
            slots = min(resources.get("CPU", 1), resources.get("GPU", 0) / gpus if gpus else float("inf"))
            executor = RayExecutor(gpus)
            yield Pool(executor, lambda: max(1, int(slots)), executor.end)
        finally:
            ray.shutdown()

    lost = (
        exceptions.WorkerCrashedError,
        exceptions.NodeDiedError,
        exceptions.LocalRayletDiedError,
        exceptions.OutOfMemoryError,
        exceptions.ObjectLostError,
    )
    return Backend(open_pool, lost)


class RayExecutor(Executor):
    """Calls as Ray tasks. A process serves many, so that it loads its models once, with a GPU too (``max_calls=0``)."""

    def __init__(self, gpus: float) -> None:
        import ray

        self._references: WeakKeyDictionary[Future[Any], Any] = WeakKeyDictionary()
        self._call = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0, max_calls=0)(_call)

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """The future of a call."""
        reference = self._call.remote(function, *args, **kwargs)
        future: Future[Result] = reference.future()
        self._references[future] = reference
        return future

    def end(self, future: Future[Any]) -> None:
        """End the worker that has a call."""
        import ray

        ray.cancel(self._references[future], force=True)


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)
