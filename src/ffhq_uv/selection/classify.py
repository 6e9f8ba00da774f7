"""Who may be mixed with whom: categories of recorded attributes, named "female/18-30/no-beard".

FFHQ-UV-Interpolate mixes people only inside gender x age x beard. An axis turns one attribute into labels;
a sample's category is its labels on all axes. Small categories may be merged along one axis, with the nearest
bin of the samples that agree on all other axes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

UNKNOWN = "unknown"
"""Label of a missing attribute under the policy "own"."""


@dataclass(frozen=True)
class Bins:
    """A number cut into bins: below edges[0], edges[0] to edges[1], ..., edges[-1] and above.

    column    the attribute's column, numeric; null and NaN are unknown
    edges     ascending, in the column's unit; a bin holds its lower edge
    names     of the bins, one more than edges; by default after the edges: "under-18", "18-30", "60+"
    """

    column: str
    edges: tuple[float, ...]
    names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not self.edges or list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"bins of {self.column}: edges {self.edges} found, ascending numbers expected")
        if self.names is not None and len(self.names) != len(self.edges) + 1:
            raise ValueError(f"bins of {self.column}: {len(self.names)} names found, {len(self.edges) + 1} expected")

    def name(self, first: int, last: int) -> str:
        """The name of the bins ``first`` to ``last`` taken together."""
        if self.names is not None:
            return "+".join(self.names[first : last + 1])
        if first == 0:
            return "any" if last == len(self.edges) else f"under-{self.edges[last]:g}"
        low = f"{self.edges[first - 1]:g}"
        return f"{low}+" if last == len(self.edges) else f"{low}-{self.edges[last]:g}"

    def places(self) -> dict[str, int]:
        """The name of every single bin, and its place in ascending order."""
        return {self.name(place, place): place for place in range(len(self.edges) + 1)}

    def labels(self, values: pl.Series) -> pl.Series:
        """The name of every value's bin, str; null for an unknown value."""
        numbers = values.cast(pl.Float64).fill_nan(None)
        places = np.searchsorted(self.edges, numbers.fill_null(0.0).to_numpy(), side="right")
        return pl.Series(list(self.places()))[places].set(numbers.is_null(), None)


@dataclass(frozen=True)
class Values:
    """An attribute whose values are the labels.

    column    the attribute's column; null is unknown
    names     label of each value, any other value is unknown; by default every value is its own label
    """

    column: str
    names: Mapping[int | str | bool, str] | None = None

    def labels(self, values: pl.Series) -> pl.Series:
        """The label of every value, str; null for an unknown value."""
        if self.names is None:
            return values.cast(pl.String)
        return values.replace_strict(dict(self.names), default=None, return_dtype=pl.String)


def classify(
    samples: pl.DataFrame,
    axes: Sequence[Bins | Values],
    *,
    unknown: Literal["drop", "own", "error"] = "drop",
    min_size: int = 1,
    small: Literal["merge", "drop"] = "merge",
    along: str = "age",
) -> pl.DataFrame:
    """The category of every sample, in the order of the samples.

    samples     id, and the columns of the axes
    axes        at least one, in the order of the categories' names
    unknown     what becomes of samples without an attribute: left out, given a label of their own
                ("unknown"), or a ValueError that names them
    min_size    samples: smaller categories are ...
    small       ... merged with the nearest bin ``along`` an axis, the smallest category first, as often as it
                takes, and left out where there is none to merge with; or left out at once
    along       the column of the axis (Bins) to merge along

    Returns
    id          str
    fine        str, the category before merging; null where an attribute is unknown and so left out
    category    str, null where the sample is left out
    reason      str, why it is left out: "age unknown", "male/60+/beard has 2 of 20 members"; else null
    """
    if not axes:
        raise ValueError("axes: none found, at least one attribute to classify by expected")
    for axis in axes:
        if axis.column not in samples.columns:
            raise ValueError(
                f"axes: {axis.column!r} found, a column of the samples expected: {', '.join(samples.columns)}"
            )

    labels = samples.select(axis.labels(samples[axis.column]).alias(axis.column) for axis in axes)
    lacks = labels.select(_unknown_attributes(labels.columns))["reason"]
    if unknown == "error" and lacks.is_not_null().any():
        ids = samples["id"].filter(lacks.is_not_null())
        raise ValueError(
            f"{len(ids)} samples lack an attribute to classify by ({', '.join(ids.head(5))}, ...): "
            "unknown=drop leaves them out, unknown=own gives them categories of their own"
        )
    if unknown == "own":
        labels, lacks = labels.fill_null(UNKNOWN), lacks.clear(len(lacks))

    sizes = {row[:-1]: row[-1] for row in labels.drop_nulls().group_by(pl.all()).len().sort(pl.all()).rows()}
    if small == "merge" and min_size > 1:
        names = _merged(sizes, axes, min_size, along)
    else:
        names = {group: "/".join(group) for group in sizes}
    members = Counter[str]()
    for group, name in names.items():
        members[name] += sizes[group]
    outcome = pl.DataFrame(
        [("/".join(group), name, members[name]) for group, name in names.items()],
        schema={"fine": pl.String, "category": pl.String, "members": pl.Int64},
        orient="row",
    )
    too_small = pl.col("members") < min_size
    return (
        samples.select("id", labels.select(pl.concat_str(pl.all(), separator="/").alias("fine"))["fine"], lacks)
        .join(outcome, on="fine", how="left", maintain_order="left")
        .select(
            "id",
            "fine",
            pl.when(~too_small).then("category").alias("category"),
            pl.when(too_small)
            .then(pl.format(f"{{}} has {{}} of {min_size} members", "category", "members"))
            .otherwise("reason")
            .alias("reason"),
        )
    )


def census(classified: pl.DataFrame) -> pl.DataFrame:
    """What became of every fine category: fine, members, and the category or the reason. Sorted by fine.

    Samples whose attributes are unknown are counted by reason, with fine null, at the end.
    """
    return (
        classified.group_by("fine", "category", "reason")
        .agg(pl.len().alias("members"))
        .select("fine", "members", "category", "reason")
        .sort("fine", "reason", nulls_last=True)
    )


def _unknown_attributes(columns: Sequence[str]) -> pl.Expr:
    """ "age unknown, beard unknown", after the columns that are null; null where none is."""
    unknown = [pl.when(pl.col(column).is_null()).then(pl.lit(f"{column} unknown")) for column in columns]
    every = pl.concat_str(unknown, separator=", ", ignore_nulls=True)
    return pl.when(every != "").then(every).alias("reason")


def _merged(
    sizes: Mapping[tuple[str, ...], int], axes: Sequence[Bins | Values], min_size: int, along: str
) -> dict[tuple[str, ...], str]:
    """The name of every group's category, after small ones were merged along an axis.

    sizes    members of each group of labels, one label an axis
    """
    place = next((place for place, axis in enumerate(axes) if axis.column == along), -1)
    axis = axes[place]
    if place < 0 or not isinstance(axis, Bins):
        bins = [axis.column for axis in axes if isinstance(axis, Bins)]
        raise ValueError(f"along: {along!r} found, an axis of bins expected: {', '.join(bins) or 'there is none'}")

    names = {}
    rows: dict[tuple[str, ...], list[_Run]] = {}
    order = axis.places()
    for group, size in sizes.items():
        if group[place] in order:
            position = order[group[place]]
            rows.setdefault(group[:place] + group[place + 1 :], []).append(_Run(position, position, size))
        else:  # the label "unknown" has no neighbours
            names[group] = "/".join(group)
    labels = list(order)
    for others, runs in rows.items():
        for run in _merge_small(sorted(runs), min_size):
            name = "/".join((*others[:place], axis.name(run.first, run.last), *others[place:]))
            for label in labels[run.first : run.last + 1]:
                names[(*others[:place], label, *others[place:])] = name
    return {group: names[group] for group in sizes}


@dataclass(frozen=True, order=True)
class _Run:
    """Neighbouring bins taken together, and their members."""

    first: int
    last: int
    size: int


def _merge_small(runs: list[_Run], min_size: int) -> list[_Run]:
    """Ascending runs, merged until none is smaller than ``min_size`` or only one is left.

    The smallest goes first, to the nearest; of two as near to the smaller, of two as small to the lower.
    """
    while len(runs) > 1 and min(run.size for run in runs) < min_size:
        here = min(range(len(runs)), key=lambda i: runs[i].size)
        neighbours = [i for i in (here - 1, here + 1) if 0 <= i < len(runs)]
        there = min(neighbours, key=lambda i: (_gap(runs[i], runs[here]), runs[i].size))
        low, high = runs[min(here, there)], runs[max(here, there)]
        runs[min(here, there) : max(here, there) + 1] = [_Run(low.first, high.last, low.size + high.size)]
    return runs


def _gap(one: _Run, other: _Run) -> int:
    """Empty bins between two runs."""
    return max(one.first - other.last, other.first - one.last) - 1
