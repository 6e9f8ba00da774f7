"""The two tables of what an archive holds, and the codes behind them.

``samples`` is the data set: normalised people with three views. ``reference`` is ``dataset_project``:
the people as they were inverted, one view. Both have a row for every id that anything was found for,
sorted by id:

id            str, six digits, or five (then it is the FFHQ index)
ffhq_index    str, five digits, or null
gender        int, 1 male, 0 female
age           float, years
beard, smile  float 0..1; where only ``meta-info.json`` tells of the sample, smile is that of its inverted FFHQ image,
              before normalisation, or null
neutral       float 0..1, how neutral the face service found the expression of the inverted FFHQ image, or null
reason        str, null where nothing is wrong: ``duplicate_id``, ``missing_attributes``,
              ``attributes_unreadable: ...``, ``missing_view:left,right``
uv_map        str, location of the published map, or null
latents       list of str, location of each view's code, or null; all null where pictures stand for them
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.archive.attributes import FFHQ_IMAGES, Attributes, decode_attributes, decode_meta_info
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.latents import LatentReader
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.ms_api import decode_ms_api, neutral_emotion
from ffhq_uv.archive.scanning import Member, scan
from ffhq_uv.archive.wanted import Samples, first_of
from ffhq_uv.formats.png import PngError, read_png
from ffhq_uv.geometry import VIEWS

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "id": pl.String,
    "ffhq_index": pl.String,
    "gender": pl.Int64,
    "age": pl.Float64,
    "beard": pl.Float64,
    "smile": pl.Float64,
    "neutral": pl.Float64,
    "reason": pl.String,
    "uv_map": pl.String,
    "latents": pl.List(pl.String),
}

PROJECT = "dataset_project"


@dataclass(frozen=True)
class Catalogue:
    """The tables of the module's text; either may be empty.

    unread       why records of the face service could not be read; those samples have no ``neutral``
    not_here     how many samples an archive tells of whose other parts did not come, by what they lack
    passed_over  files that nothing reads, and why
    """

    samples: pl.DataFrame
    reference: pl.DataFrame
    unread: tuple[str, ...] = ()
    not_here: dict[str, int] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)


def catalogue(
    root: Path,
    data_set: str = "ffhq-uv",
    limits: Limits = PUBLISHED,
    *,
    asked: Samples = None,
    pictures: bool = False,
) -> Catalogue:
    """What the archives below ``root`` hold.

    Samples come from ``dataset/<data_set>`` (or from its folders of December 2022, ``<data_set>``,
    ``<data_set>-face-latents`` and ``<data_set>-face-attributes``, once ``standard``); where there is none, from the
    pipeline's working folder ``dataset_project/{edit,unwrap_texture,attributes}``. A sample without any code did not
    come: it has no row, and is counted. Of a data set of which no attributes came they are null.

    asked     the samples that count, of each data set
    pictures  whether three pictures (``edit/<id>/<id>_left.png``, ...) will do for codes: they are not drawn

    Raises ArchiveError for a damaged or hostile archive or ``meta-info.json``, and where there is neither data set.
    """
    names = [data_set, f"{data_set}-face-latents", f"{data_set}-face-attributes"]
    names += ["standard"] if data_set == "ffhq-uv" else []
    notes: dict[str, str] = {}
    ignored: Counter[str] = Counter()
    folders = [parent + name for parent in ("dataset/", "") for name in names]
    members = [member for folder in folders for member in scan(root, folder, limits=limits, notes=notes)]
    project = list(scan(root, PROJECT, limits=limits, notes=notes))
    if not members and not project:
        lying = f"; passed over: {', '.join([*notes][:5])}" if notes else ""
        raise ArchiveError(f"{root}: no archives; expected dataset/{data_set}/ or {PROJECT}/{lying}")
    with Archives(root, limits) as archives:
        attributes = _attributes(archives, project, ignored)
        neutral, unread = _neutral(archives, project)
        photographs = [member for member in project if member.part == "latent" and not member.view]
        reference, lacking = _table(archives, photographs, attributes, (None,), asked)
        if members:
            told = _attributes(archives, members, ignored) | _meta_info(archives, members, ignored)
        else:
            members = [member for member in project if member.view or member.part == "uv_map"]
            edited = {member.id for member in members}
            told = {id: value for id, value in attributes.items() if id in edited}
        samples, missing = _table(archives, members, told, VIEWS, asked, pictures=pictures)
        smiles = {id: known.smile for id, known in attributes.items() if isinstance(known, Attributes)}
        samples, reference = (_with_photographs(table, smiles, neutral) for table in (samples, reference))
        told_more = {f"{key} ({count:,} records)": "an attribute that nothing reads" for key, count in ignored.items()}
        return Catalogue(samples, reference, unread, {"samples": missing, "reference": lacking}, notes | told_more)


def read_latents(
    reader: LatentReader | Path, table: pl.DataFrame, out: NDArray[np.float32]
) -> Iterator[tuple[int, str | None]]:
    """Read the codes of a table's rows into ``out`` float32 [len(table), V, 18, 512].

    Yields each row with its reason: the table's own, ``latent_nonfinite``, ``latent_unreadable:front: ...``, or None.
    A row with a reason is zero. Callers that read in batches should pass a reader, which
    keeps what it learned.
    """
    if isinstance(reader, Path):
        with Archives(reader) as archives:
            yield from read_latents(LatentReader(archives), table, out)
        return
    locations, reasons = table["latents"].to_list(), table["reason"].to_list()
    for row in range(len(table)):
        reason = reasons[row] or _read_sample(reader, locations[row], out[row])
        if reason is not None:
            out[row] = 0
        yield row, reason


def _read_sample(reader: LatentReader, locations: list[str | None], out: NDArray[np.float32]) -> str | None:
    if not any(locations):  # pictures stand for the codes
        out[...] = 0
        return None
    views = VIEWS if len(locations) == len(VIEWS) else ("front",)
    for view, location, code in zip(views, locations, out, strict=True):
        assert location is not None  # else the table gives a reason
        try:
            code[...] = reader.read(location)
        except ArchiveError as error:
            return f"latent_unreadable:{view}: {error}"
    return None if np.isfinite(out).all() else "latent_nonfinite"


def read_uv_map(archives: Archives | Path, location: str) -> NDArray[np.uint8]:
    """The UV map uint8 [S, S, 3] at a location; loops should pass `Archives`. Raises ArchiveError."""
    if isinstance(archives, Path):
        with Archives(archives) as opened:
            return read_uv_map(opened, location)
    try:
        return read_png(archives.read(location), location)
    except PngError as error:
        raise ArchiveError(str(error)) from error


def _meta_info(archives: Archives, members: list[Member], ignored: Counter[str]) -> dict[str, Attributes | str]:
    table: dict[str, Attributes | str] = {}
    for member in members:
        if member.part == "meta_info":
            found = decode_meta_info(archives.read(member.location), member.location, ignored)
            twice = (id for id in found.keys() & table.keys() if found[id] != table[id])
            table |= found | dict.fromkeys(twice, "duplicate_id")
    return table


def _attributes(archives: Archives, members: list[Member], ignored: Counter[str]) -> dict[str, Attributes | str]:
    table: dict[str, Attributes | str] = {}
    for member in members:
        if member.part != "attributes":
            continue
        try:
            found: Attributes | str = decode_attributes(archives.read(member.location), member.location, ignored)
        except ArchiveError as error:
            found = f"attributes_unreadable: {error}"
        table[member.id] = found if table.get(member.id, found) == found else "duplicate_id"
    return table


def _neutral(archives: Archives, members: list[Member]) -> tuple[dict[str, float], tuple[str, ...]]:
    """How neutral the face service found each image's expression; and why records could not be read."""
    table: dict[str, float] = {}
    unread: list[str] = []
    for member in members:
        if member.part != "ms_api":
            continue
        try:
            record = decode_ms_api(archives.read(member.location), member.location)
            neutral = neutral_emotion(record, member.location)
        except ArchiveError as error:
            unread.append(str(error))
            continue
        if neutral is not None:
            table[member.id] = neutral
    return table, tuple(unread)


def _with_photographs(
    table: pl.DataFrame, smiles: Mapping[str, float | None], neutral: Mapping[str, float]
) -> pl.DataFrame:
    """The table with what only the records of the FFHQ images tell, by their index."""

    def recorded(values: Mapping[str, float | None]) -> pl.Expr:
        return pl.col("ffhq_index").replace_strict(dict(values), default=None, return_dtype=pl.Float64)

    return table.with_columns(smile=pl.coalesce("smile", recorded(smiles)), neutral=recorded(neutral))


def _table(
    archives: Archives,
    members: Iterable[Member],
    attributes: dict[str, Attributes | str],
    views: tuple[str | None, ...],
    asked: Samples,
    *,
    pictures: bool = False,
) -> tuple[pl.DataFrame, int]:
    """The rows of the samples that came, and how many did not."""
    maps: dict[str, str] = {}
    codes: dict[str, dict[str | None, str]] = {}
    faces: dict[str, set[str | None]] = {}
    twice: set[str] = set()
    for member in members:
        if member.part == "uv_map":
            twice.update(_conflict(archives, maps.get(member.id), member))
            maps.setdefault(member.id, member.location)
        elif member.part == "latent":
            found = codes.setdefault(member.id, {})
            twice.update(_conflict(archives, found.get(member.view), member))
            found.setdefault(member.view, member.location)
        elif member.part == "face" and pictures:
            faces.setdefault(member.id, set()).add(member.view)
    drawn = {id for id, found_views in faces.items() if found_views.issuperset(views)}
    every = first_of({*codes, *drawn} if isinstance(asked, int) else {*maps, *codes, *drawn, *attributes}, asked)
    ids = sorted(every & {*codes, *drawn})
    known = [attributes.get(id, "missing_attributes") if attributes else None for id in ids]
    locations = [[codes.get(id, {}).get(view) for view in views] for id in ids]
    for id, row in zip(ids, locations, strict=True):
        if id in drawn and None in row:  # the pictures are enough
            row[:] = [None] * len(views)
    reasons = [
        "duplicate_id" if id in twice else found if isinstance(found, str) else _missing([] if id in drawn else row)
        for id, found, row in zip(ids, known, locations, strict=True)
    ]
    told = [found if isinstance(found, Attributes) else None for found in known]
    columns: dict[str, list[object]] = {
        "id": list(ids),
        "ffhq_index": [_ffhq_index(id, found) for id, found in zip(ids, told, strict=True)],
        **{key: [found and getattr(found, key) for found in told] for key in ("gender", "age", "beard", "smile")},
        "neutral": [None] * len(ids),
        "reason": list(reasons),
        "uv_map": [maps.get(id) for id in ids],
        "latents": list(locations),
    }
    return pl.DataFrame(columns, SCHEMA), len(every) - len(ids)


def _conflict(archives: Archives, location: str | None, member: Member) -> set[str]:
    """The sample of which two files tell different things; the same bytes twice are no ambiguity."""
    try:
        same = location is None or archives.read(location) == archives.read(member.location)
    except ArchiveError:
        same = False
    return set() if same else {member.id}


def _ffhq_index(id: str, found: Attributes | None) -> str | None:
    """A project sample is named by its FFHQ image; people of one's own have ids above those."""
    if len(id) == 5:
        return id if int(id) < FFHQ_IMAGES else None
    return found.ffhq_index if found else None


def _missing(locations: list[str | None]) -> str | None:
    missing = [view for view, location in zip(VIEWS, locations, strict=False) if location is None]
    return f"missing_view:{','.join(missing)}" if missing else None
