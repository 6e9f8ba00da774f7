"""Measurements as numbers of steps, small enough to send and exact enough to judge.

A column's values lie anywhere; a bound on the page lies on a step: a multiple of 10^-digits, or a bound of the run,
which may be any number. A value is sent as the step that it is rounded to, away from what would pass: up for a largest
value, down for a smallest one. Then ``value <= bound`` and ``step of value <= step of bound`` are the same for every
bound on a step, so that the page judges as the program does, to the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.page.script import packed

MISSING = 65535
"""The step of a value that is missing or not finite."""
MOST = 60_000
"""Multiples of 10^-digits that a column may have; larger values stand at the last."""


@dataclass(frozen=True)
class Steps:
    """The steps of a column.

    digits        after the point of a multiple
    first, last   multiples: first / 10^digits is the lowest step
    exact         steps between the multiples, ascending: bounds of the run
    """

    digits: int
    first: int
    last: int
    exact: tuple[float, ...]

    def values(self) -> NDArray[np.float64]:
        """All steps, ascending. The page computes the same numbers, to the last bit, by the same division."""
        return np.unique([*(np.arange(self.first, self.last + 1) / 10**self.digits), *self.exact])

    def of(self, values: NDArray[np.float64], side: Literal["max", "min"]) -> NDArray[np.uint16]:
        """The step of each value, rounded up for "max", down for "min"; `MISSING` where it is not finite."""
        steps = self.values()
        if side == "max":
            found = np.searchsorted(steps, values, "left").clip(max=len(steps) - 1)
        else:
            found = np.searchsorted(steps, values, "right").clip(min=1) - 1
        return np.where(np.isfinite(values), found, MISSING).astype(np.uint16)


def steps_for(values: NDArray[np.float64], digits: int, exact: Sequence[float] = ()) -> Steps:
    """Steps of at most ``digits`` digits after the point around all finite values, with these between them."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    # A step more on both sides: for what is rounded down, and for a bound that drops everything.
    while True:
        first, last = int(np.floor(low * 10**digits)) - 1, int(np.ceil(high * 10**digits)) + 1
        if last - first <= MOST or digits == 0:
            break
        digits -= 1
    last = min(last, first + MOST)
    inside = [bound for bound in exact if first / 10**digits <= bound <= last / 10**digits]
    return Steps(digits, first, last, tuple(sorted(inside)))


def column(values: NDArray[np.float64], steps: Steps, side: Literal["max", "min"] = "max") -> dict[str, Any]:
    """A column as the page reads it."""
    return {
        "digits": steps.digits,
        "first": steps.first,
        "last": steps.last,
        "exact": list(steps.exact),
        "codes": packed(steps.of(values, side)),
    }
