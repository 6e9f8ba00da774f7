"""What a place offers: path, URL, size and checksum of its files.

A web server does not tell what lies in a folder, and pages that list it for people are all different. So a folder on
one is read through a list that lies in it: ``manifest.json`` (what `pull` writes: publish a data/archives with its
data/manifest.json and others can pull from there) or ``SHA256SUMS`` (``find * -type f | xargs sha256sum >
SHA256SUMS``). A list may also stand for itself, and then its files may lie anywhere. It is one of

text   a line ``<sha256>  <path>`` (as sha256sum writes it) or ``<path or URL> [bytes] [sha256]``; # starts a comment
CSV    columns path or url (or both), bytes, sha256, as far as they are known
JSON   objects with these keys, in a list, or as "files" of an object
"""

from __future__ import annotations

import csv
import io
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from ffhq_uv.download.patience import patiently
from ffhq_uv.download.streams import DownloadError, interruptible, is_http, open_filesystem, read_text
from ffhq_uv.formats.zips import unsafe

LISTS = ("manifest.json", "SHA256SUMS")
"""Names of the list of a folder, in this order."""
MAX_LIST = 64 << 20
"""Largest list, bytes: 160 a file, 400,000 files."""
_MISSING = {403, 404, 410}
"""HTTP answers for a file that is not there: 403 from S3, unless one may list the bucket."""


@dataclass(frozen=True)
class Offer:
    """A file that a place offers: path below the archives, where its bytes are, size and SHA-256 as far as known."""

    path: str
    url: str
    bytes: int | None = None
    sha256: str | None = None


def is_local(url: str) -> bool:
    """Whether a URL is a path on this machine (or ``file://``)."""
    return "://" not in url or url.startswith("file://")


def offers(place: str, parts: Iterable[str], part: str | None = None) -> list[Offer]:
    """The files of a place that belong to one of the published ``parts`` (first folders), sorted by path.

    part  the one part that the place holds, where it is not the whole tree

    Raises DownloadError for a place that is not there, a list that is damaged, unsafe or ambiguous, and where nothing
    belongs to the parts.
    """
    name = posixpath.basename(urlsplit(place).path)
    if name in LISTS or name.endswith((".txt", ".csv", ".json")):
        found = list(_listed(place, name))
    elif is_http(place):
        found = _web_folder(place)
    else:
        found = _folder(place)
    parts = [part] if part else list(parts)
    placed = [replace(offer, path=path) for offer in found if (path := _place(offer.path, parts, part))]
    if not placed:
        raise DownloadError(f"{place}: holds nothing of {', '.join(f'{name}/' for name in parts)}")
    _check(placed, place)
    return sorted(placed, key=lambda offer: offer.path)


def _place(path: str, parts: list[str], part: str | None) -> str | None:
    """Where a file belongs, by the first folder in its path that has the name of a part; None: it belongs nowhere."""
    folders = path.split("/")
    for at, folder in enumerate(folders[:-1]):
        if folder in parts:
            return "/".join(folders[at:])
    return f"{part}/{path}" if part else None


def _check(found: list[Offer], place: str) -> None:
    seen: dict[str, Offer] = {}
    folders = {folder for offer in found for folder in _folders(offer.path)}
    for offer in found:
        if unsafe(offer.path) or any(name.startswith(".") for name in offer.path.split("/")):
            raise DownloadError(f"{place}: refuses the path {offer.path!r}")
        if other := seen.get(offer.path.casefold()):
            raise DownloadError(f"{place}: lists both {other.path} and {offer.path}")
        if offer.path.casefold() in folders:
            raise DownloadError(f"{place}: lists {offer.path} as a file and as a folder")
        seen[offer.path.casefold()] = offer
        if offer.sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", offer.sha256):
            raise DownloadError(f"{place}: {offer.path}: {offer.sha256!r} is no SHA-256 (64 hexadecimal digits)")


def _folders(path: str) -> Iterator[str]:
    parts = path.casefold().split("/")
    return ("/".join(parts[:at]) for at in range(1, len(parts)))


def _listed(place: str, name: str) -> Iterator[Offer]:
    """The files of a list. Relative ones lie beside it."""
    text = patiently(lambda: read_text(place, MAX_LIST), place)
    read = _json if name.endswith(".json") else _csv if name.endswith(".csv") else _lines
    try:
        rows = list(read(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, csv.Error) as error:
        raise DownloadError(f"{place}: not a readable list of files ({error})") from error
    for path, url, size, sha256 in rows:
        url = _beside(place, url or path)
        if is_http(place) and not is_http(url):
            raise DownloadError(f"{place}: refuses {url}: a list from the web may name files of the web only")
        yield Offer(path or unquote(urlsplit(url).path).lstrip("/"), url, size, sha256 and sha256.lower())


Row = tuple[str, str, int | None, str | None]
"""Path, URL, size, checksum; one of the first two may be empty."""


def _json(text: str) -> Iterator[Row]:
    rows = json.loads(text)
    for row in rows["files"] if isinstance(rows, dict) else rows:
        yield _row(row)


def _csv(text: str) -> Iterator[Row]:
    for row in csv.DictReader(io.StringIO(text)):
        yield _row({key: value for key, value in row.items() if value})


def _row(row: dict[str, object]) -> Row:
    path, url, size, sha256 = (row.get(key) for key in ("path", "url", "bytes", "sha256"))
    if not (path or url):
        raise ValueError("an entry has neither path nor url")
    return (
        str(path or ""),
        str(url or ""),
        None if size is None else int(str(size)),
        None if sha256 is None else str(sha256),
    )


def _lines(text: str) -> Iterator[Row]:
    for line in text.splitlines():
        if summed := re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line.strip()):  # a name with # is one, too
            yield summed[2].removeprefix("./"), "", None, summed[1]
        elif line := line.partition("#")[0].strip():
            name, *rest = line.split()
            size = int(rest.pop(0)) if rest and rest[0].isdigit() and len(rest[0]) < 19 else None
            if len(rest) > 1:
                raise ValueError(f"more than a path, a size and a checksum: {line[:100]!r}")
            path, url = ("", name) if "://" in name else (name, "")
            yield path, url, size, rest[0] if rest else None


def _beside(place: str, name: str) -> str:
    """A listed file's URL; the place is the list's own, or a folder that ends with /."""
    if "://" in name:
        return name
    if is_http(place):
        return urljoin(place, quote(name))
    if is_local(place):
        return str(Path(place.removeprefix("file://")).parent / name)
    return f"{place.rpartition('/')[0]}/{name}"


def _web_folder(place: str) -> list[Offer]:
    for name in LISTS:
        try:
            return list(_listed(f"{place.rstrip('/')}/{name}", name))
        except DownloadError as error:
            if error.status not in _MISSING:
                raise
    raise DownloadError(
        f"{place}: a web server does not list its files, and there is neither {' nor '.join(LISTS)}. Put the "
        "data/manifest.json of someone who pulled the same files there, or make a list in that folder: "
        "find * -type f | xargs sha256sum > SHA256SUMS"
    )


def _folder(place: str) -> list[Offer]:
    """The files of a folder, with the checksums of a list that lies in it."""
    found: list[tuple[str, str, int | None]] = []
    if is_local(place):
        root = Path(place.removeprefix("file://")).absolute()
        if not root.is_dir():
            raise DownloadError(f"{place}: no such folder")
        found += [(path.relative_to(root).as_posix(), str(path), path.stat().st_size) for path in _walk(root)]
    else:
        top = place.rstrip("/")
        found += [(path, f"{top}/{path}", size) for path, size in patiently(lambda: _find(top), place)]
    if not found:
        raise DownloadError(f"{place}: no such folder, or nothing in it")
    sums = {}
    for name in LISTS:
        if any(path == name for path, _, _ in found):
            sums = {offer.path: offer.sha256 for offer in _listed(f"{place.rstrip('/')}/{name}", name)}
            break
    hidden = re.compile(r"(^|/)\.")
    return [Offer(path, url, size, sums.get(path)) for path, url, size in found if not hidden.search(path)]


def _walk(root: Path) -> Iterator[Path]:
    """Every file below a folder, through links, each real folder once."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (path for name in names if (path := Path(folder, name)).is_file())


def _find(top: str) -> list[tuple[str, int | None]]:
    """Paths below a folder of an fsspec file system, and sizes."""
    with interruptible(top):
        system, path = open_filesystem(top)
        return [
            (found.removeprefix(path).lstrip("/"), told.get("size"))
            for found, told in system.find(path, detail=True).items()
        ]
