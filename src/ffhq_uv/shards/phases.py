"""What a worker is doing when: spans of time by name, for the log."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

Span = tuple[str, float, float]
"""What was done, and when it began and ended, seconds since 1970."""

_spans: list[Span] = []


@contextlib.contextmanager
def phase(name: str) -> Iterator[None]:
    """Record the time that the block takes in this process."""
    began = time.time()
    try:
        yield
    finally:
        _spans.append((name, round(began, 3), round(time.time(), 3)))


def take_spans() -> list[Span]:
    """The spans recorded since the last call."""
    taken = _spans.copy()
    _spans.clear()
    return taken
