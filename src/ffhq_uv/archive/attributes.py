"""Attributes of samples: ``attributes/<id>.json`` and ``meta-info.json``."""

from __future__ import annotations

import json
import re
import reprlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ffhq_uv.archive.containers import ArchiveError

_ID = re.compile(r"\d{5,6}", re.ASCII)

MAX_VALUES = 2_000_000
"""Most objects and values of one JSON file; 100,000 samples take 500,000. Python needs 100 bytes for three of a
file."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the archives tell of a sample's face.

    gender 1 male, 0 female; age in years; beard and smile 0..1 (``meta-info.json`` has no smile);
    ffhq_index five digits, or None where the sample has no FFHQ image.
    """

    gender: int
    age: float
    beard: float
    smile: float | None
    ffhq_index: str | None


def decode_attributes(data: bytes, name: str) -> Attributes:
    """One ``attributes/<id>.json``. Raises ArchiveError."""
    return _attributes(_json(data, name), name)


def decode_meta_info(data: bytes, name: str) -> dict[str, Attributes | str]:
    """``meta-info.json``: per id its attributes, or the reason why it has none. Raises ArchiveError."""
    records = _json(data, name)
    if not isinstance(records, _Object):
        raise ArchiveError(f"{name}: expected one object keyed by sample id")
    table: dict[str, Attributes | str] = {}
    for id, record in records.items():
        if not _ID.fullmatch(id):
            raise ArchiveError(f"{name}: {reprlib.repr(id)} is no sample id (six digits)")
        try:
            table[id] = _attributes(record, id)
        except ArchiveError as error:
            table[id] = f"attributes_unreadable: {str(error).removeprefix(f'{id}: ')}"
    return table | dict.fromkeys(records.repeated, "duplicate_id")


class _Object(dict[str, Any]):
    """A JSON object that knows which keys it was given more than once."""

    __slots__ = ("repeated",)
    repeated: frozenset[str]


_NONE: frozenset[str] = frozenset()


def _pairs(pairs: list[tuple[str, Any]]) -> _Object:
    result = _Object(pairs)
    result.repeated = _NONE
    if len(result) < len(pairs):
        result.repeated = frozenset(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
    return result


def _json(data: bytes, name: str) -> Any:
    if (values := sum(map(data.count, (b"{", b"[", b",")))) > MAX_VALUES:
        raise ArchiveError(f"{name}: refuses {values} values (at most {MAX_VALUES})")
    try:
        return json.loads(data, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        raise ArchiveError(f"{name}: not readable JSON ({error})") from error


def _attributes(record: object, name: str) -> Attributes:
    if not isinstance(record, _Object) or record.repeated:
        raise ArchiveError(f"{name}: expected one object with Age, Beard and Gender")
    gender, index = record.get("Gender"), record.get("Index-in-FFHQ")
    if type(gender) is not int or gender not in (0, 1):
        raise ArchiveError(f"{name}: Gender is {reprlib.repr(gender)}, expected 1 (male) or 0 (female)")
    return Attributes(
        gender=gender,
        age=_number(record, "Age", 150, name),
        beard=_number(record, "Beard", 1, name),
        smile=_number(record, "Expression", 1, name) if "Expression" in record else None,
        ffhq_index=None if index is None else _ffhq_index(index, name),
    )


def _number(record: dict[str, Any], key: str, largest: float, name: str) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise ArchiveError(f"{name}: {key} is {reprlib.repr(value)}, expected a number from 0 to {largest}")
    return float(value)


def _ffhq_index(index: object, name: str) -> str:
    """An FFHQ image index 0..69999; published as a number or a text."""
    text = str(index) if type(index) is int or isinstance(index, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) < 70_000):
        raise ArchiveError(f"{name}: Index-in-FFHQ is {reprlib.repr(index)}, expected null or 0..69999")
    return f"{int(text):05d}"
