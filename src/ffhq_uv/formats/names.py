"""What a file's name tells: an archive, a part of one that was split, or something that nobody can read as it is."""

from __future__ import annotations

import re

_ARCHIVE = re.compile(r"\.(zip|tar)$", re.I)
_PART = re.compile(
    r"(?P<whole>.+\.(?:zip|tar))\.(?:part[-_.]?(?P<named>\d{1,4}|[a-z]{1,3})|(?P<plain>\d{2,4}|(?!gz|xz|bz)[a-z]{2}))",
    re.I,
)
"""``a.zip.001``, ``a.zip.part1``, ``a.tar.part-aa``, ``a.tar.aa``: what split, 7-Zip and the hub's tools write."""
_UNFINISHED = re.compile(
    r"(\.downloading(\.cfg)?|\.crdownload|\.part|\.partial|\.incomplete|\.aria2|\.tmp|\.download|\.bc!|\.opdownload)$",
    re.I,
)
_COPY = re.compile(
    r"(?P<name>.+?)(?: ?\(\d+\)| - (?:Copy|副本|Copie|Kopie)(?: \(\d+\))?|_copy)(?P<suffix>(?:\.\w+)+)", re.I
)
_PACKED = {
    r"\.(tar\.(gz|xz|bz2|zst)|tgz|txz|tbz2?)$": "tar xf NAME",
    r"\.rar$": "unrar x NAME",
    r"\.7z(\.\d+)?$": "7z x NAME",
    r"\.z\d\d$": "zip -s 0 NAME.zip --out whole.zip joins the volumes",
    r"\.(gz|xz|bz2|zst)$": "unpack it",
}
"""Archives that cannot be read in place, and what to do."""


def is_archive(name: str) -> bool:
    """Whether a file is read as a zip or a tar."""
    return _ARCHIVE.search(name) is not None


def without_suffix(name: str) -> str:
    """The name of the folder for which an archive, or a part of one, stands; any other name as it is."""
    found = part_of(name)
    return _ARCHIVE.sub("", found[0] if found else name)


def part_of(name: str) -> tuple[str, int] | None:
    """The archive that a file is a part of, and the part's number among its kind; None: it is no part."""
    if not (match := _PART.fullmatch(name)):
        return None
    number = match["named"] or match["plain"]
    if number.isdecimal():
        return match["whole"], int(number)
    place = 0
    for letter in number.lower():
        place = 26 * place + ord(letter) - ord("a")
    return match["whole"], place


def copy_of(name: str) -> str | None:
    """The name of the file of which a browser or a file manager made a copy beside it, by its name; None: no copy."""
    match = _COPY.fullmatch(name)
    return f"{match['name']}{match['suffix']}" if match else None


def unreadable(name: str) -> str | None:
    """Why a file cannot be what it should, by its name, and what to do; None where nothing speaks against it."""
    if _UNFINISHED.search(name) and not part_of(name):
        return "an unfinished download; let it finish, or delete it"
    for pattern, remedy in _PACKED.items():
        if re.search(pattern, name, re.I):
            return f"not read packed like this; unpack it beside ({remedy.replace('NAME', name.rpartition('/')[2])})"
    return None
