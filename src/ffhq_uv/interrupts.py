"""Ctrl-C, where it has to wait."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def put_off() -> Iterator[None]:
    """Let Ctrl-C wait until the end of the block; processes that start in it inherit that Ctrl-C is not for them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
