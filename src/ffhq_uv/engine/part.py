"""Work split without any engine: every task of a job array takes its part, and no task knows of the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Job = TypeVar("Job")


@dataclass(frozen=True)
class Part:
    """Part ``index`` (0, 1, ...) of ``count``."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Part:
        """A part written as i/n, counted from 0. Raises ValueError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not int(match[1]) < int(match[2]):
            raise ValueError(f"{text!r}: a part is i/n with i = 0 ... n - 1, as in 0/16 to 15/16")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def of(self, jobs: Sequence[Job], id: Callable[[Job], str]) -> list[Job]:
        """The jobs of this part: sorted by a hash of their ids and dealt out in turn.

        The parts are disjoint, together they are all, their sizes differ by one at most, and neighbours, which may be
        alike in what they cost, go to different parts.
        """
        return sorted(jobs, key=lambda job: hashlib.sha256(id(job).encode()).digest())[self.index :: self.count]
