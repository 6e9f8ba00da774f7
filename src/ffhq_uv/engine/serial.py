"""This process, one job after the other: for a debugger. A job that kills its worker ends the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

from ffhq_uv.engine.backend import Backend, Pool

Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


class Serial(Executor):
    """Runs a call when it is submitted."""

    def submit(
        self, function: Callable[Arguments, Result], /, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Result]:
        """A future that is done already."""
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def _open() -> Iterator[Pool]:
    yield Pool(Serial(), lambda: 1, lambda _: None)


SERIAL = Backend(_open, ())
