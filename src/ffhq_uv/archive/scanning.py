"""What lies in an archive: every published file by the sample, view and part that its name tells.

The published layout exists in several containers (chunk zips, chunk folders, per-sample folders, flat
folders, zips with any inner prefix), so only a file's own name counts, and for plain pictures the
folder ``inversions`` or ``images`` that they lie in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.containers import locations
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.notes import Notes
from ffhq_uv.formats.folders import hidden
from ffhq_uv.formats.names import is_archive, part_of, without_suffix

_NAME = re.compile(
    r"(?P<id>\d{5,6})(?:_(?P<view>left|front|right))?(?P<suffix>_latent|_final_[a-z0-9_]+)?"
    r"\.(?P<type>png|pt|json|pkl|np[yz])",
    re.I,
)
_INTRINSICS = re.compile(
    r"(?:.*/)?(?P<id>\d{6})/(?P<part>ambient_occlusion|diffuse|normal|specular|translucency|light_normalized)\.png"
)
"""FFHQ-UV-Intrinsics (Ubisoft): six pictures in a sample's folder, 27 zips of about 370 samples each."""
_CODES = {"latents", "face-latents", "edit"}
"""Folders in which arrays of NumPy are codes, and not lights."""
_RECORDS = {"json": "attributes", "pkl": "ms_api", "npy": "lights"}


@dataclass(frozen=True, slots=True)
class Member:
    """One published file.

    id is empty for ``meta-info.json``, which tells of all samples. part is the name of a picture of FFHQ-UV-Intrinsics
    (``diffuse``, ...), ``uv_map``, ``latent``, ``face``, ``inversion``, ``image``, ``attributes``, ``meta_info``,
    ``ms_api``, ``lights``, or what follows ``_final_`` in the files of step 4 (``coeffs``, ``seg_result``, ...).
    """

    id: str
    view: str | None
    part: str
    location: str


def scan(root: Path, *folders: str, limits: Limits = PUBLISHED, notes: Notes | None = None) -> Iterator[Member]:
    """The published files below ``root`` (or below these of its folders, or in archives that stand for them), in a
    fixed order.

    Files with other names are passed over; ``notes`` is told of those, and of what cannot be read. Raises ArchiveError
    for an archive that is damaged or hostile.
    """
    notes = {} if notes is None else notes
    for folder in folders or ("",):
        for location in located(root, folder, limits, notes):
            if member := recognise(location):
                yield member
            elif is_meta_info(location):
                yield Member("", None, "meta_info", location)
            else:
                notes[location] = "no published name"


def located(root: Path, folder: str, limits: Limits = PUBLISHED, notes: Notes | None = None) -> Iterator[str]:
    """Every file below a folder of ``root``, or in an archive that stands for it or for one above it."""
    for start, whole in standing(root, folder):
        for location in locations(root, start, limits, notes):
            if whole or f"{logical(location)}/".startswith(f"{folder}/"):
                yield location


def standing(root: Path, folder: str) -> Iterator[tuple[str, bool]]:
    """Where a folder of ``root`` is: itself, an archive by its name, or an archive for a folder above it (False)."""
    names = folder.split("/") if folder else []
    if (root / folder).is_dir():
        yield folder, True
    for depth in range(1, len(names) + 1):
        parent = root / "/".join(names[: depth - 1])
        entries = sorted(entry.name for entry in parent.iterdir()) if parent.is_dir() else []
        wholes = {(part_of(name) or (name, 0))[0] for name in entries if not hidden(name)}
        for name in sorted(wholes):
            if is_archive(name) and without_suffix(name) == names[depth - 1]:
                yield (Path(*names[: depth - 1]) / name).as_posix(), depth == len(names)


def logical(location: str) -> str:
    """A location as if every archive were a folder; one that holds a single folder of its own name stands for that."""
    names: list[str] = []
    for name in re.split("[/!]", location):
        stem = without_suffix(name) if is_archive(name) else name
        if not (names and names[-1] == stem):
            names.append(stem)
    return "/".join(names)


def is_meta_info(location: str) -> bool:
    """Whether a file is the table of all samples."""
    return re.split("[/!]", location)[-1].lower() == "meta-info.json"


def recognise(location: str) -> Member | None:
    """The published file at a location, by its name; None if it is not one of a sample."""
    basename = location[max(location.rfind("/"), location.rfind("!")) + 1 :]
    if not (match := _NAME.fullmatch(basename)):
        intrinsic = _INTRINSICS.fullmatch(location.replace("!", "/"))
        return Member(intrinsic["id"], None, intrinsic["part"], location) if intrinsic else None
    view, suffix, type = ((match[name] or "").lower() for name in ("view", "suffix", "type"))
    if suffix.startswith("_final_"):
        part = {"uv": "uv_map"}.get(name := suffix.removeprefix("_final_"), name)
    elif type == "pt" or suffix == "_latent" or (type[:2] == "np" and not _CODES.isdisjoint(_above(location))):
        part = "latent"
    elif type in _RECORDS:
        part = _RECORDS[type]
    elif type == "npz":
        return None
    elif view:
        part = "face"
    else:
        stems = _above(location)
        part = "inversion" if "inversions" in stems else "image" if "images" in stems else "uv_map"
    return Member(match["id"], view or None, part, location)


def _above(location: str) -> set[str]:
    """The names of the folders and archives that a file lies in."""
    return {without_suffix(name) for name in re.split("[/!]", location)[:-1]}
