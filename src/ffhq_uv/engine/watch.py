"""How long jobs take, and which of them have been at it for so long that their worker hangs."""

from __future__ import annotations

import statistics
import sys
import time
from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from tqdm import tqdm


@dataclass(frozen=True)
class Patience:
    """When a worker counts as hung.

    times    as many times the median of the jobs that are done may a job take; None: as long as it likes
    least    seconds that every job may take
    first    jobs that are done before any is ended: until then nobody knows what is long
    """

    times: float | None = 20
    least: float = 60
    first: int = 5


class Watched(Protocol):
    """A job that is with the workers.

    began    when it was first in the line for a worker, by `time.monotonic`; None: it waits behind others
    told     seconds of which it was last said that it takes as long
    """

    name: str
    began: float | None
    told: float


Job = TypeVar("Job", bound=Watched)


@dataclass
class Watch(Generic[Job]):
    """A watch over jobs, in a loop that looks at it at least every few seconds."""

    patience: Patience
    seconds: list[float] = field(default_factory=list)
    """Of the jobs that are done, ascending."""

    def started(self, jobs: Iterable[Job]) -> None:
        """These jobs are first in the line, as many as there are workers."""
        for job in jobs:
            job.began = job.began or time.monotonic()

    def finished(self, job: Job) -> None:
        """A job is done."""
        if job.began is not None:
            insort(self.seconds, time.monotonic() - job.began)

    def slept(self, jobs: Iterable[Job], seconds: float) -> None:
        """This process was held (Ctrl-Z) for a while, and whoever works may have been, too."""
        for job in jobs:
            job.began = job.began and job.began + seconds

    def limit(self) -> float | None:
        """Seconds after which a worker counts as hung; None while that is not known."""
        if self.patience.times is None or len(self.seconds) < self.patience.first:
            return None
        return max(self.patience.least, self.patience.times * statistics.median(self.seconds))

    def overdue(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs whose worker hangs. What takes long is said, at twice the time each time."""
        limit, found = self.limit(), list[Job]()
        for job in jobs:
            if job.began is None:
                continue
            took = time.monotonic() - job.began
            if limit is not None and took > limit:
                found.append(job)
                say(f"{job.name}: its worker is ended after {took:,.0f} s, {self._median()}; it is tried again")
            elif took > max(self.patience.least / 2, 2 * job.told) and took > 3 * self._typical():
                job.told = took
                ends = "" if limit is None else f"; its worker is ended at {limit:,.0f} s (engine.patience)"
                say(f"{job.name}: has run for {took:,.0f} s, {self._median()}{ends}")
        return found

    def _typical(self) -> float:
        return statistics.median(self.seconds) if self.seconds else 0

    def _median(self) -> str:
        return f"the median is {self._typical():.3g} s" if self.seconds else "none is done yet"


def say(text: str) -> None:
    """A line on stderr, above a progress bar where there is one."""
    tqdm.write(text, file=sys.stderr)
