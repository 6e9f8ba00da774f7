"""Trying again: as long as it helps, and after longer and longer waits while it does not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from ffhq_uv.download.streams import DownloadError, Interrupted

TRIES = 6
"""Attempts without progress before giving up; the waits between them come to half a minute to a minute."""
LONGEST = 30.0
"""Seconds of the longest wait, unless the server asks for a longer one."""

Result = TypeVar("Result")


def patiently(
    attempt: Callable[[], Result],
    what: str,
    tries: int = TRIES,
    progress: Callable[[], int] = lambda: 0,
    sleep: Callable[[float], object] = time.sleep,
) -> Result:
    """The result of an attempt, which is made again after `Interrupted`.

    progress  a number that grows while attempts get further; only attempts without growth count, so that a transfer of
              gigabytes may be cut any number of times

    Raises DownloadError with the last reason after ``tries`` attempts in a row that got nowhere.
    """
    fruitless, furthest = 0, progress()
    while True:
        try:
            return attempt()
        except Interrupted as error:
            reached = progress()
            fruitless = 0 if reached > furthest else fruitless + 1
            furthest = max(furthest, reached)
            if fruitless >= tries:
                raise DownloadError(f"{what}: {error} (gave up after {tries} tries)") from error
            # Half of the wait is random, so that parallel transfers do not come back together.
            sleep(max(error.after, min(LONGEST, 2.0**fruitless) * random.uniform(0.5, 1)))
