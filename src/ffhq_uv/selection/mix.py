"""Codes of new samples: weighted means of their parents' codes.

Linear mixing shrinks a category: weights w of independent parents keep sqrt(sum w^2) of the spread, over
uniform t sqrt(2/3) for two of them. The variance-preserving mixture divides the deviation from the category's
mean m by that factor s: m + (sum w_i z_i - m) / s = sum (w_i / s) z_i + (1 - 1 / s) m. That is a weighted sum
again, with the mean as one more parent.

A code is any array: the full [3, 18, 512], or the rows that differ (`store.rows`). Every element is
computed by the same operations in the same order, so that layers which are equal between views in all
parents are equal in the mixture, bit for bit.
"""

from __future__ import annotations

import mmap
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel

Codes = NDArray[np.float32]
Method = Literal["linear", "variance_preserving"]

_AT_ONCE = 1024  # codes of a memory map that are read before their pages are given back: at most 113 MB


def mix(
    codes: Codes,
    rows: NDArray[np.integer],
    weights: Codes,
    *,
    method: Method = "linear",
    means: Codes | None = None,
    groups: NDArray[np.integer] | None = None,
    out: Codes | None = None,
) -> Codes:
    """The codes of ``k`` new samples, float32 [k, ...].

    codes      float32 [n, ...], memory-mapped or not; only the parents are read
    rows       int [k, P], the parents of every sample
    weights    float32 [k, P], their weights, of sum 1, the same for all views
    means      float32 [c, ...], of every category (`category_means`); only for "variance_preserving"
    groups     int [k], the category of every sample, a row of means; likewise
    out        float32 [k, ...], C-contiguous, to write to; by default a new array

    Of a memory map no page stays in memory. Raises ValueError for another method, for shapes that do not fit, and
    where means or groups are missing; IndexError for a parent or a category that is not there.
    """
    if rows.shape != weights.shape or rows.ndim != 2:
        raise ValueError(f"rows {rows.shape}, weights {weights.shape} found, two [k, P] expected")
    factors = weights.astype(np.float64)
    if method == "variance_preserving":
        if means is None or groups is None or len(groups) != len(rows) or means.shape[1:] != codes.shape[1:]:
            raise ValueError("variance_preserving needs means [c, ...] and the group of every sample [k]")
        _check_rows("groups", groups, len(means))
        factors /= np.sqrt((factors**2).sum(axis=1, keepdims=True))
    elif method == "linear":
        means, groups = codes[:0], np.zeros(len(rows), np.int64)
    else:
        raise ValueError(f"method: {method!r} found, 'linear' or 'variance_preserving' expected")
    _check_rows("rows", rows, len(codes))

    shape = (len(rows), *codes.shape[1:])
    mixed = np.empty(shape, np.float32) if out is None else out
    if mixed.shape != shape or not mixed.flags.c_contiguous:
        raise ValueError(f"out {mixed.shape} found, {shape}, C-contiguous, expected")
    of_mean = 1 - factors.sum(axis=1)
    _mix(
        _flat(codes), rows.astype(np.int64), factors.astype(np.float32),
        _flat(means), groups.astype(np.int64), of_mean.astype(np.float32), _flat(mixed),
    )  # fmt: skip
    let_go(codes)
    return mixed


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
    for start in range(0, len(codes), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        _add_to_groups(_flat(codes[part]), groups[part].astype(np.int64), sums.reshape(count, -1))
        let_go(codes)
    members = np.bincount(groups[groups >= 0], minlength=count)
    with np.errstate(invalid="ignore"):
        return (sums / members.reshape(-1, *[1] * (codes.ndim - 1))).astype(np.float32)


def _check_rows(name: str, rows: NDArray[np.integer], count: int) -> None:
    if len(rows) and not 0 <= rows.min() <= rows.max() < count:
        raise IndexError(f"{name}: {rows.min()} to {rows.max()} found, 0 to {count - 1} expected")


def _flat(codes: Codes) -> Codes:
    """Codes [n, ...] as [n, L], without the subclass that memory maps are."""
    return np.asarray(codes).reshape(len(codes), -1 if codes.size else int(np.prod(codes.shape[1:])))


@kernel
def _mix(
    codes: Codes,
    rows: NDArray[np.int64],
    factors: Codes,
    means: Codes,
    groups: NDArray[np.int64],
    of_mean: NDArray[np.float32],
    out: Codes,
) -> None:
    """out = the sum of factors times codes[rows], and of_mean times means[groups] where there are means."""
    for sample in range(len(rows)):  # a code fits the cache: once written, it is added to there
        total, code, factor = out[sample], codes[rows[sample, 0]], factors[sample, 0]
        for x in range(len(total)):
            total[x] = factor * code[x]
        for parent in range(1, rows.shape[1]):
            code, factor = codes[rows[sample, parent]], factors[sample, parent]
            for x in range(len(total)):
                total[x] += factor * code[x]
        if len(means):
            mean, factor = means[groups[sample]], of_mean[sample]
            for x in range(len(total)):
                total[x] += factor * mean[x]


@kernel
def _add_to_groups(codes: Codes, groups: NDArray[np.int64], sums: NDArray[np.float64]) -> None:
    for row in range(len(codes)):
        if groups[row] >= 0:
            code, total = codes[row], sums[groups[row]]
            for x in range(len(total)):
                total[x] += code[x]


def let_go(codes: Codes) -> None:
    """Give back the pages of codes that are a read-only memory map: a pass over gigabytes does not fill the memory."""
    mapped = getattr(codes, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and not codes.flags.writeable and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
