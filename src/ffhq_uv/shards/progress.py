"""Progress bars on long stages."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

INTERVAL = 10.0
"""Seconds between two lines of progress where the output is a log and not a terminal."""
DELAY = 1.0
"""Seconds before the first of them: what is done by then needs none."""
LINE = "{desc}: {n_fmt} of {total_fmt}, {rate_fmt}, {elapsed} gone, {remaining} left"


class _Lines:
    """A file for a bar in a log: every state on a line of its own, where a terminal overwrites the last one."""

    def write(self, text: str) -> None:
        if line := text.strip("\r\n "):
            print(line, file=sys.stderr, flush=True)

    def flush(self) -> None:
        sys.stderr.flush()


def progress(total: int | None, what: str, unit: str = "sample") -> Any:
    """A bar on stderr with rate and time left; ``update(n)`` advances it. A context manager."""
    scaled = unit == "B"
    if sys.stderr.isatty():
        return tqdm(total=total, desc=what, unit=unit, unit_scale=scaled)
    log = {"file": _Lines(), "bar_format": LINE, "mininterval": INTERVAL, "delay": DELAY}
    return tqdm(total=total, desc=what, unit=unit, unit_scale=scaled, **log)
