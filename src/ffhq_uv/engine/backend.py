"""What an engine needs to know of the workers that it hands jobs to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """Workers that are there: an executor, and how many jobs it runs at once."""

    executor: Executor
    slots: int


@dataclass(frozen=True)
class Backend:
    """How to get workers, and how to tell that one died.

    open    opens a pool; called again after the pool broke (`concurrent.futures.BrokenExecutor`)
    lost    what the future of a job raises when its worker died, which is no failure of the job itself
    """

    open: Callable[[], AbstractContextManager[Pool]]
    lost: tuple[type[BaseException], ...]
