"""Attributes of samples: ``attributes/<id>.json`` and ``meta-info.json``."""

from __future__ import annotations

import json
import re
import reprlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.formats.looks import failed

_ID = re.compile(r"\d{5,6}", re.ASCII)

GENDERS = {"male": 1, "female": 0, "m": 1, "f": 0}
KNOWN = ("Age", "Beard", "Gender", "Index-in-FFHQ", "Expression", "Baldness", "Glasses", "Pitch", "Yaw")
"""What the published records tell; other keys are ignored, and counted."""

FFHQ_IMAGES = 70_000
MAX_VALUES = 2_000_000
"""Most objects and values of one JSON file; 100,000 samples take 500,000. Python needs 100 bytes for three of a
file."""


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the archives tell of a sample's face.

    gender 1 male, 0 female; age in years; beard and smile 0..1 (``meta-info.json`` has no smile); each None where it is
    not told. ffhq_index five digits, or None where the sample has no FFHQ image.
    """

    gender: int | None
    age: float | None
    beard: float | None
    smile: float | None
    ffhq_index: str | None


def decode_attributes(data: bytes, name: str, ignored: Counter[str] | None = None) -> Attributes:
    """One ``attributes/<id>.json``; ``ignored`` counts the keys that nothing reads. Raises ArchiveError."""
    return _attributes(_json(data, name), name, ignored)


def decode_face(data: bytes, name: str) -> dict[str, float | None]:
    """The eight numbers of one ``attributes/<id>.json``, by their names there: degrees, years, and shares 0..1.

    A null is what nobody could tell (the tool invert writes it): of glasses, baldness, beard and smile it counts as 0,
    of age and gender it stays None. Raises ArchiveError for a number that is missing, or none that a face can have.
    """
    record = _json(data, name)
    if not isinstance(record, _Object) or record.repeated:
        raise ArchiveError(f"{name}: expected one object with {', '.join(_FACE)}")
    found: dict[str, float | None] = {}
    for key, (smallest, largest) in _FACE.items():
        if key in record and record[key] is None and key in _MAY_BE_NULL:
            found[key] = _MAY_BE_NULL[key]
            continue
        value = _gender(record.get(key), name) if key == "Gender" else record.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not smallest <= value <= largest:
            raise ArchiveError(
                f"{name}: {key} is {reprlib.repr(value)}, expected a number from {smallest} to {largest}"
            )
        found[key] = float(value)
    return found


_MAY_BE_NULL = {"Glasses": 0.0, "Baldness": 0.0, "Beard": 0.0, "Expression": 0.0, "Age": None, "Gender": None}
"""What a null counts as."""
_FACE = {
    "Gender": (0, 1),
    "Glasses": (0, 1),
    "Yaw": (-180, 180),
    "Pitch": (-180, 180),
    "Baldness": (0, 1),
    "Beard": (0, 1),
    "Age": (0, 150),
    "Expression": (0, 1),
}


def decode_meta_info(data: bytes, name: str, ignored: Counter[str] | None = None) -> dict[str, Attributes | str]:
    """``meta-info.json``: per id its attributes, or the reason why it has none. As `decode_attributes`."""
    records = _json(data, name)
    if not isinstance(records, _Object):
        raise ArchiveError(f"{name}: expected one object keyed by sample id")
    table: dict[str, Attributes | str] = {}
    for id, record in records.items():
        if not _ID.fullmatch(id):
            raise ArchiveError(f"{name}: {reprlib.repr(id)} is no sample id (six digits)")
        try:
            table[id] = _attributes(record, id, ignored)
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
        raise ArchiveError(f"{name}: not readable JSON ({failed(data[:512]) or error})") from error


def _attributes(record: object, name: str, ignored: Counter[str] | None) -> Attributes:
    if not isinstance(record, _Object) or record.repeated:
        raise ArchiveError(f"{name}: expected one object with Age, Beard and Gender")
    if ignored is not None:
        ignored.update(key[:50] for key in record if key not in KNOWN)
    return Attributes(
        gender=_gender(record.get("Gender"), name),
        age=_number(record, "Age", 150, name),
        beard=_number(record, "Beard", 1, name),
        smile=_number(record, "Expression", 1, name),
        ffhq_index=_ffhq_index(record.get("Index-in-FFHQ"), name),
    )


def _gender(value: object, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, str) and value.lower() in GENDERS:
        return GENDERS[value.lower()]
    if isinstance(value, int | float) and not isinstance(value, bool) and value in (0, 1):
        return int(value)
    raise ArchiveError(f"{name}: Gender is {reprlib.repr(value)}, expected 1 (male), 0 (female), or these words")


def _number(record: dict[str, Any], key: str, largest: float, name: str) -> float | None:
    value = record.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= largest:
        raise ArchiveError(f"{name}: {key} is {reprlib.repr(value)}, expected a number from 0 to {largest}")
    return float(value)


def _ffhq_index(index: object, name: str) -> str | None:
    """An FFHQ image index 0..69999; published as a number or a text, and by some as a float."""
    if index is None:
        return None
    whole = int(index) if isinstance(index, float) and index.is_integer() else index
    text = str(whole) if type(whole) is int or isinstance(whole, str) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 6 and int(text) < FFHQ_IMAGES):
        raise ArchiveError(f"{name}: Index-in-FFHQ is {reprlib.repr(index)}, expected null or 0..69999")
    return f"{int(text):05d}"
