"""What a process makes once a run and then keeps: networks that were loaded, archives that were opened.

Such things are read from files that a configuration names by paths of the run's folder. A process may serve one run
after another (a Dask worker lives long), and what it kept of one must never be taken for the other's: all of it is
forgotten where a run begins, and where a job of another run arrives.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, ParamSpec, TypeVar, cast

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

KEPT = 4
"""Results that are kept of each function, for as many different arguments."""

_functions: list[Any] = []


def once_a_run(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Call a function once a run for the same arguments, which are hashable."""
    kept = lru_cache(KEPT)(function)
    _functions.append(kept)
    return cast("Callable[Arguments, Result]", kept)


def forget() -> None:
    """Forget all that was kept: another run begins."""
    for function in _functions:
        function.cache_clear()
