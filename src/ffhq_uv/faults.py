"""Whether a fault is of the moment or of a sample: only the latter is a result.

A sample whose bytes are damaged is damaged tomorrow, too. A mount that is away, memory that is short, or a worker that
died says nothing of the sample: it is tried again, and never kept as finished.
"""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path

_MEMORY = re.compile(r"out of memory|not enough memory|can.t allocate memory|insufficient memory|bad alloc", re.I)

_OF_THE_MOMENT = re.compile(
    r"\b0x[0-9a-fA-F]+|\b(\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d([.,]\d+)?|\b\d+(\.\d+)? ?(ms|s|secs?|seconds?|minutes?)\b"
)
"""Addresses in memory, dates with times, clock times, durations."""


class PassingError(RuntimeError):
    """Something failed that may succeed when it is tried again."""


def is_passing(error: BaseException) -> bool:
    """Whether an error is of the moment: input or output, memory, a timeout."""
    if isinstance(error, PassingError | OSError | MemoryError | TimeoutError):
        return True
    return isinstance(error, RuntimeError) and bool(_MEMORY.search(str(error)))


def check_gone(path: Path, root: Path) -> None:
    """After a file was not found: raise PassingError unless the nearest folder that is there, up to ``root``, lists
    other names and not this one.

    A name that is listed, a link to what is not there, and a folder with nothing in it are a disk that is away.
    """
    for missing, folder in pairwise((path, *path.parents)):
        try:
            names = os.listdir(folder)
        except FileNotFoundError:
            if folder != root:
                continue
            names = []
        except OSError:
            names = []
        if names and missing.name not in names:
            return
        break
    raise PassingError(f"{path}: could not be read a moment ago (is its disk, or its mount, away?)")


def in_words(error: BaseException) -> str:
    """An error as a reason: the same in every run and on every machine, without addresses, times and paths."""
    text = _OF_THE_MOMENT.sub("…", " ".join(str(error).split()))
    text = re.sub(r"(?<![\w.])(/[\w.@~+-]+){2,}", lambda found: Path(found[0]).name, text)
    return f"error: {type(error).__name__}: {text[:300]}"
