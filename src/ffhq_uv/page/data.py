"""What a page is told: the criteria, and of every data set its rows, column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.page.script import packed
from ffhq_uv.page.steps import column, steps_for
from ffhq_uv.page.wall import PER_ATLAS, SIDE, TILE

NONE = 255
"""The code of a row that belongs to no group."""


@dataclass(frozen=True)
class Column:
    """A measurement: how people call it, its unit, and the most digits after the point that it is sent with.

    side    "min" where a criterion bounds it from below
    """

    name: str
    label: str
    unit: str
    digits: int
    side: Literal["max", "min"] = "max"


@dataclass(frozen=True)
class Choice:
    """A column that a criterion may bound, its unit, and the override that makes it do so."""

    column: str
    unit: str
    override: str | None = None
    digits: int = 0


@dataclass(frozen=True)
class Bound:
    """Whether a criterion is on, the column that it bounds, and the bound in the column's unit."""

    on: bool
    column: str
    value: float


@dataclass(frozen=True)
class Criterion:
    """A bound that the page moves, and how to tell the program.

    key          the configuration's key that holds the bound
    off          overrides that switch the criterion off
    switch_on    overrides that it needs beside its bound where the run has it off
    run          the run's own bound
    """

    name: str
    label: str
    about: str
    side: Literal["max", "min"]
    key: str
    off: tuple[str, ...]
    switch_on: tuple[str, ...]
    choices: tuple[Choice, ...]
    run: Bound


@dataclass(frozen=True)
class Group:
    """Which of the named groups every row belongs to, ``names`` in the order in which they are shown."""

    name: str
    label: str
    names: Sequence[str]
    of: Sequence[str | None]


@dataclass(frozen=True)
class DataSet:
    """A data set's rows.

    values     float64 [n] by column; NaN was not measured
    failed     row -> why it has no measurements
    notes      row -> what to know of it
    colours    uint8 [n, 3], what stands for a map until it is there
    detailed   rows that have a sample's script
    """

    name: str
    label: str
    words: Mapping[str, str]
    ids: Sequence[str]
    values: Mapping[str, NDArray[np.float64]]
    groups: Sequence[Group]
    failed: Mapping[int, str]
    notes: Mapping[int, str]
    colours: NDArray[np.uint8]
    detailed: Sequence[int]


def described(
    title: str,
    data_sets: Sequence[DataSet],
    criteria: Sequence[Criterion],
    columns: Sequence[Column],
    tables: Sequence[Mapping[str, Any]],
    card: str | None,
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The value of the script ``page``, and of each data set's script ``table``.

    A column has the same digits in every data set, so that a bound on a step of one is on a step of the others.
    """
    digits = {
        column.name: min(steps_for(found, column.digits).digits for found in present)
        for column in columns
        if (present := [part.values[column.name] for part in data_sets if column.name in part.values])
    }
    exact: dict[str, list[float]] = {}
    for criterion in criteria:
        if criterion.run.on:
            exact.setdefault(criterion.run.column, []).append(criterion.run.value)
    page = {
        "title": title,
        "sets": [{"name": part.name, "label": part.label, "rows": len(part.ids)} for part in data_sets],
        "criteria": [_criterion(criterion, digits) for criterion in criteria],
        "tables": list(tables),
        "card": card,
    }
    return page, [_table(part, columns, digits, exact) for part in data_sets]


def _criterion(criterion: Criterion, digits: Mapping[str, int]) -> dict[str, Any]:
    choices = [asdict(choice) | {"digits": digits[choice.column]} for choice in criterion.choices]
    return asdict(criterion) | {"choices": choices}


def _table(
    part: DataSet, columns: Sequence[Column], digits: Mapping[str, int], exact: Mapping[str, Sequence[float]]
) -> dict[str, Any]:
    sent = []
    for known in columns:
        if known.name in part.values:
            values = part.values[known.name]
            steps = steps_for(values, digits[known.name], exact.get(known.name, ()))
            described = {"name": known.name, "label": known.label, "unit": known.unit}
            sent.append(described | column(values, steps, known.side))
    return {
        "name": part.name,
        "rows": len(part.ids),
        "words": dict(part.words),
        "ids": packed("\n".join(part.ids)),
        "columns": sent,
        "groups": [_group(group) for group in part.groups],
        "failed": list(part.failed.items()),
        "notes": list(part.notes.items()),
        "colours": packed(part.colours),
        "detailed": packed(np.array(part.detailed, np.uint32)),
        "tile": TILE,
        "atlas_side": SIDE,
        "per_atlas": PER_ATLAS,
    }


def _group(group: Group) -> dict[str, Any]:
    names = [name for name in group.names if name is not None][:NONE]
    place = {name: code for code, name in enumerate(names)}
    codes = np.array([place.get(name or "", NONE) for name in group.of], np.uint8)
    return {"name": group.name, "label": group.label, "names": names, "codes": packed(codes)}
