"""Trying again: as long as it helps, and after longer and longer waits while it does not."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import TypeVar

from tqdm import tqdm

from ffhq_uv.download.streams import LOWEST, DownloadError, Interrupted

TRIES = 6
"""Attempts without progress before giving up; the waits between them come to half a minute to a minute."""
LONGEST = 30.0
"""Seconds of the longest wait, unless the server asks for a longer one."""
WORTH_SAYING = 10.0
"""Seconds of a wait that the server asks for, from which on a person is told."""

Result = TypeVar("Result")


def patiently(
    attempt: Callable[[], Result],
    what: str,
    tries: int = TRIES,
    progress: Callable[[], int] = lambda: 0,
    sleep: Callable[[float], object] = time.sleep,
) -> Result:
    """The result of an attempt, which is made again after `Interrupted`.

    progress  bytes that are here; attempts that get further at `LOWEST` speed do not count, so that a transfer of
              gigabytes may be cut any number of times

    Raises DownloadError with the last reason after ``tries`` attempts in a row that got nowhere.
    """
    fruitless, furthest = 0, progress()
    while True:
        began = time.monotonic()
        try:
            return attempt()
        except Interrupted as error:
            reached = progress()
            least = LOWEST * (time.monotonic() - began)
            fruitless = 0 if reached - furthest > least else fruitless + 1
            furthest = max(furthest, reached)
            if fruitless >= tries:
                raise DownloadError(f"{what}: {error} (gave up after {tries} tries)") from error
            if error.after >= WORTH_SAYING:
                tqdm.write(f"{what}: the server asks to wait, for {error.after:.0f} s", file=sys.stderr)
            # Half of the wait is random, so that parallel transfers do not come back together.
            sleep(max(error.after, min(LONGEST, 2.0**fruitless) * random.uniform(0.5, 1)))
