"""Confidence intervals of means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def mean_interval(values: ArrayLike, seed: int, *, level: float = 0.95, resamples: int = 1000) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean of values [n], at confidence ``level`` (0..1).

    Raises ValueError without values or for one that is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0 or not np.isfinite(sample).all():
        raise ValueError(f"values: {sample.shape} found, [n] finite numbers, at least one, expected")
    rng = np.random.default_rng([seed, *b"mean"])
    means = [sample[rng.integers(0, len(sample), len(sample))].mean() for _ in range(resamples)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
