"""Dask workers: of a cluster that runs, or of one started on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ffhq_uv.engine.backend import Backend, Pool


def dask(address: str | None, workers: int, gpus: float = 0) -> Backend:
    """The workers of the scheduler at ``address``, or without one ``workers`` processes on this machine.

    gpus    GPUs a job needs; the cluster's workers must offer them: ``dask worker --resources GPU=1``

    Raises ModuleNotFoundError without Dask, and OSError where no scheduler answers.
    """
    import distributed
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
                client = opened.enter_context(distributed.Client(address, timeout=30))
                client.wait_for_workers(1, timeout=60)
            executor = client.get_executor(pure=False, **({"resources": {"GPU": gpus}} if gpus else {}))
            yield Pool(executor, sum(client.nthreads().values()))

    return Backend(open_pool, (KilledWorker,))
