"""Sums that are the same on every processor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weighted_sums(rows: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The last axis of rows [..., K], weighted by [K] and summed: [...].

    BLAS adds up in another order on every kind of processor. In double precision, rounded once, no order shows.
    """
    sums: NDArray[np.float64] = np.einsum("...k,k->...", rows, weights, dtype=np.float64)
    return sums.astype(np.float32)
