"""How widely the identities of a data set spread.

ID std (FFHQ-UV, table 2): embed every front face, L2-normalise, take the standard deviation over the samples in
every dimension and the mean over the dimensions. Only figures of one encoder compare with each other.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def identity_std(embeddings: ArrayLike) -> float:
    """ID std of embeddings [n, D]: population standard deviation of the unit vectors, mean over dimensions.

    Raises ValueError without samples, and for an embedding that is zero or not finite.
    """
    return float(_unit(embeddings).std(axis=0).mean())


def identity_std_bootstrap(embeddings: ArrayLike, seed: int, resamples: int = 1000) -> NDArray[np.float64]:
    """ID std of ``resamples`` bootstrap samples, n drawn from the n with replacement. float64 [resamples].

    A resample repeats samples and so spreads less; the figures are scaled so that their mean is the ID std.
    Two data sets' figures divided element by element give the scatter of their ratio.
    """
    unit = _unit(embeddings)
    n, dimensions = unit.shape
    moments = np.concatenate([unit - unit.mean(axis=0)] * 2, axis=1)
    moments[:, dimensions:] **= 2
    rng = np.random.default_rng([seed, *b"identity_std"])
    figures = np.empty(resamples)
    for start in range(0, resamples, 64):
        shares = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) / n for _ in figures[start : start + 64]])
        mean, square = np.split(shares @ moments, 2, axis=1)
        figures[start : start + 64] = np.sqrt((square - mean**2).clip(min=0)).mean(axis=1)
    return figures * (unit.std(axis=0).mean() / figures.mean() if figures.any() else 1.0)


def _unit(embeddings: ArrayLike) -> NDArray[np.float64]:
    """The embeddings, each divided by its length."""
    table = np.array(embeddings, dtype=np.float64)
    if table.ndim != 2 or len(table) == 0:
        raise ValueError(f"embeddings: shape {table.shape} found, [n, D] with at least one sample expected")
    length = np.linalg.norm(table, axis=1, keepdims=True)
    if not np.isfinite(length).all() or not (length > 0).all():
        row = int(np.flatnonzero(~(np.isfinite(length) & (length > 0)))[0])
        raise ValueError(f"embeddings: the one of row {row} has length {length[row, 0]}, a finite one expected")
    table /= length
    return table
