"""How widely the identities of a data set spread.

ID std (FFHQ-UV, table 2): embed every front face, L2-normalise, take the standard deviation over the samples in
every dimension and the mean over the dimensions. Only figures of one encoder compare with each other.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

RESAMPLES, ROWS = 250, 2048
"""Bootstrap samples, and rows of embeddings, that are at work at once: memory does not grow with either."""


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
    unit -= unit.mean(axis=0)
    rng = np.random.default_rng([seed, *b"identity_std"])
    with threadpool_limits(1), ThreadPoolExecutor(2) as threads:  # while some are multiplied, the next are drawn
        spreads = [threads.submit(_spreads, unit, _drawn(len(unit), rng, part)) for part in _portions(resamples)]
        figures = np.concatenate([spread.result() for spread in spreads])
    scale: float = unit.std(axis=0).mean() / figures.mean() if figures.any() else 1.0
    return figures * scale


def _portions(resamples: int) -> list[int]:
    return [min(RESAMPLES, resamples - start) for start in range(0, resamples, RESAMPLES)]


def _drawn(n: int, rng: np.random.Generator, resamples: int) -> NDArray[np.uint8]:
    """How often each of n samples is in a resample, [resamples, n]. Some 1 on average; 255 is out of reach."""
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n).astype(np.uint8) for _ in range(resamples)])


def _spreads(centred: NDArray[np.float64], counts: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The mean standard deviation of some resamples, with no table of more than `ROWS` rows beside the samples.

    Many are summed in single precision, ROWS at a time, in half the time: a figure moves by less than 1e-7 of itself.
    Few are not: their figures are the same on every processor, in all digits that are written.
    """
    n, dimensions = centred.shape
    kind = np.float32 if n > ROWS else np.float64
    sums = np.zeros((len(counts), 2 * dimensions))
    for start in range(0, n, ROWS):
        rows = centred[start : start + ROWS]
        drawn = counts[:, start : start + ROWS].astype(kind)
        sums += drawn @ np.concatenate([rows, rows**2], axis=1).astype(kind)
    mean, square = np.split(sums / n, 2, axis=1)
    spread: NDArray[np.float64] = np.sqrt((square - mean**2).clip(min=0)).mean(axis=1)
    return spread


def _unit(embeddings: ArrayLike) -> NDArray[np.float64]:
    """The embeddings, each divided by its length."""
    table = np.array(embeddings, dtype=np.float64)  # a copy, which the caller may change
    if table.ndim != 2 or len(table) == 0:
        raise ValueError(f"embeddings: shape {table.shape} found, [n, D] with at least one sample expected")
    length = np.linalg.norm(table, axis=1, keepdims=True)
    if not np.isfinite(length).all() or not (length > 0).all():
        row = int(np.flatnonzero(~(np.isfinite(length) & (length > 0)))[0])
        raise ValueError(f"embeddings: the one of row {row} has length {length[row, 0]}, a finite one expected")
    table /= length
    return table
