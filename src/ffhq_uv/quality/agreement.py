"""How well decisions agree with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Agreement:
    """Counts of a decision against the truth: hits, false alarms, misses, correct rejections."""

    hits: int
    false_alarms: int
    misses: int
    correct_rejections: int

    @property
    def precision(self) -> float | None:
        """Of the samples decided true, the share that is. None if there are none."""
        decided = self.hits + self.false_alarms
        return self.hits / decided if decided else None

    @property
    def recall(self) -> float | None:
        """Of the samples that are true, the share decided so. None if there are none."""
        true = self.hits + self.misses
        return self.hits / true if true else None


def agreement(decision: Sequence[bool] | ArrayLike, truth: Sequence[bool] | ArrayLike) -> Agreement:
    """Compare decisions with the truth, both bool [n].

    Raises ValueError for different lengths or another dtype.
    """
    decided, true = np.asarray(decision), np.asarray(truth)
    if decided.shape != true.shape or decided.dtype != bool or true.dtype != bool:
        raise ValueError(
            f"decision {decided.dtype} {decided.shape}, truth {true.dtype} {true.shape} found; "
            "two bool [n] of one length expected"
        )
    return Agreement(
        hits=int((decided & true).sum()),
        false_alarms=int((decided & ~true).sum()),
        misses=int((~decided & true).sum()),
        correct_rejections=int((~decided & ~true).sum()),
    )
