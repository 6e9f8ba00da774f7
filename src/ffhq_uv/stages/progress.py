"""Progress bars on long stages."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

INTERVAL = 10.0
"""Seconds between two lines of progress where the output is a log and not a terminal."""


def progress(total: int | None, what: str, unit: str = "sample") -> Any:
    """A bar on stderr with rate and time left; ``update(n)`` advances it. A context manager."""
    return tqdm(
        total=total, desc=what, unit=unit, unit_scale=unit == "B", mininterval=0.1 if sys.stderr.isatty() else INTERVAL
    )
