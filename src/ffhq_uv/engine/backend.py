"""What an engine needs to know of the workers that it hands jobs to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Pool:
    """Workers that are there.

    executor    takes calls
    slots       tells how many it runs at once, at the moment
    end         ends the worker that has a call and hangs, with all that it has; its future is not looked at any more
    """

    executor: Executor
    slots: Callable[[], int]
    end: Callable[[Future[Any]], object]


@dataclass(frozen=True)
class Backend:
    """How to get workers, and how to tell that one died.

    open    opens a pool; called again after the pool broke (`concurrent.futures.BrokenExecutor`). Closing one does not
            wait for calls that still run
    lost    what the future of a job raises when its worker died, which is no failure of the job itself
    """

    open: Callable[[], AbstractContextManager[Pool]]
    lost: tuple[type[BaseException], ...]
