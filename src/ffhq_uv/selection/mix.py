"""Codes of new samples: weighted means of their parents' codes.

Linear mixing shrinks a category: weights w of independent parents keep sqrt(sum w^2) of the spread, over
uniform t sqrt(2/3) for two of them. The variance-preserving mixture divides the deviation from the category's
mean m by that factor s: m + (sum w_i z_i - m) / s = sum (w_i / s) z_i + (1 - 1 / s) m. That is a weighted sum
again, with the mean as one more parent.

A code is any array: the full [3, 18, 512], or the rows that differ (`selection.rows`). Every element is
computed by the same three operations in the same order, so that layers which are equal between views in all
parents are equal in the mixture, bit for bit.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float32]
Method = Literal["linear", "variance_preserving"]


def mix(
    codes: Codes,
    rows: NDArray[np.integer],
    weights: Codes,
    *,
    method: Method = "linear",
    means: Codes | None = None,
    groups: NDArray[np.integer] | None = None,
) -> Codes:
    """The codes of ``k`` new samples, float32 [k, ...].

    codes      float32 [n, ...], memory-mapped or not; only the parents are read
    rows       int [k, P], the parents of every sample
    weights    float32 [k, P], their weights, of sum 1, the same for all views
    means      float32 [c, ...], of every category (`category_means`); only for "variance_preserving"
    groups     int [k], the category of every sample, a row of means; likewise

    Raises ValueError for another method, for shapes that do not fit, and where means or groups are missing.
    """
    if rows.shape != weights.shape or rows.ndim != 2:
        raise ValueError(f"rows {rows.shape}, weights {weights.shape} found, two [k, P] expected")
    factors = weights.astype(np.float64)
    if method == "variance_preserving":
        if means is None or groups is None or len(groups) != len(rows):
            raise ValueError("variance_preserving needs means [c, ...] and the group of every sample [k]")
        factors /= np.sqrt((factors**2).sum(axis=1, keepdims=True))
    elif method != "linear":
        raise ValueError(f"method: {method!r} found, 'linear' or 'variance_preserving' expected")

    mixed = np.empty((len(rows), *codes.shape[1:]), np.float32)
    term = np.empty(codes.shape[1:], np.float32)
    scale = factors.astype(np.float32)
    of_mean = (1 - factors.sum(axis=1)).astype(np.float32)
    for sample in range(len(rows)):  # a code fits the cache: faster than one operation on all of them
        total = mixed[sample]
        np.multiply(codes[rows[sample, 0]], scale[sample, 0], out=total)
        for row, factor in zip(rows[sample, 1:], scale[sample, 1:], strict=True):
            total += np.multiply(codes[row], factor, out=term)
        if method == "variance_preserving" and means is not None and groups is not None:
            total += np.multiply(means[groups[sample]], of_mean[sample], out=term)
    return mixed


def mix_in_batches(
    codes: Codes,
    rows: NDArray[np.integer],
    weights: Codes,
    *,
    batch: int,
    method: Method = "linear",
    means: Codes | None = None,
    groups: NDArray[np.integer] | None = None,
) -> Iterator[Codes]:
    """`mix`, ``batch`` samples at a time, in order; what was read of a memory map is let go after each.

    The system maps about a megabyte around every parent that it reads: batches of 64 take some 250 MiB.
    """
    for start in range(0, len(rows), batch):
        part = slice(start, start + batch)
        of_part = None if groups is None else groups[part]
        yield mix(codes, rows[part], weights[part], method=method, means=means, groups=of_part)
        _let_go(codes)


def category_means(codes: Codes, groups: NDArray[np.integer], count: int) -> Codes:
    """The mean code of every category, float32 [count, ...].

    codes     float32 [n, ...], memory-mapped or not; read once, in order
    groups    int [n], the category of every code, 0..count - 1; negative: of none

    A category without members gets NaN. Raises ValueError for a category beyond ``count``.
    """
    if len(groups) != len(codes) or (len(groups) > 0 and groups.max() >= count):
        found = f"{groups.shape} up to {groups.max(initial=-1)}"
        raise ValueError(f"groups: {found} found, [{len(codes)}] below {count} expected")
    sums = np.zeros((count, *codes.shape[1:]))
    for row in np.flatnonzero(groups >= 0):
        sums[groups[row]] += codes[row]
        if row % 1024 == 1023:
            _let_go(codes)
    members = np.bincount(groups[groups >= 0], minlength=count)
    with np.errstate(invalid="ignore"):
        return (sums / members.reshape(-1, *[1] * (codes.ndim - 1))).astype(np.float32)


def _let_go(codes: Codes) -> None:
    """Give the pages of a memory map back, so that a pass over gigabytes does not fill the memory."""
    mapped = getattr(codes, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
