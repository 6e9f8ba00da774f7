"""Ray tasks: on a cluster that runs, or on one started on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from ffhq_uv.engine.backend import Backend, Pool

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
        started = {} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(address or "local", log_to_driver=False, logging_level="warning", **started)
        try:
            resources = ray.cluster_resources()
            slots = min(resources.get("CPU", 1), resources.get("GPU", 0) / gpus if gpus else float("inf"))
            yield Pool(RayExecutor(gpus), max(1, int(slots)))
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

        self._call = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0, max_calls=0)(_call)

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """The future of a call."""
        future: Future[Result] = self._call.remote(function, *args, **kwargs).future()
        return future


def _call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return function(*args, **kwargs)
