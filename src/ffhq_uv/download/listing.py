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
import posixpath
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urljoin, urlsplit

from ffhq_uv.download.hub import hosted, is_hub
from ffhq_uv.download.offer import Offer, is_local
from ffhq_uv.download.patience import TRIES, patiently
from ffhq_uv.download.streams import DownloadError, interruptible, is_http, open_filesystem, read_text
from ffhq_uv.formats.folders import hidden, walk
from ffhq_uv.formats.names import unreadable, without_suffix
from ffhq_uv.formats.zips import unsafe

LISTS = ("manifest.json", "SHA256SUMS")
"""Names of the list of a folder, in this order."""
MAX_LIST = 64 << 20
"""Largest list, bytes: 160 a file, 400,000 files."""
_MISSING = {403, 404, 410}
"""HTTP answers for a file that is not there: 403 from S3, unless one may list the bucket."""


@dataclass(frozen=True)
class Listing:
    """What a place offers.

    offers       the files that belong to the published parts, sorted by path
    passed_over  paths of the other files, and why
    revision     the state of the place, where it has one: a commit of the hub
    """

    offers: list[Offer]
    passed_over: dict[str, str]
    revision: str | None = None


def look(
    place: str,
    parts: Iterable[str],
    part: str | None = None,
    revision: str | None = None,
    tries: int = TRIES,
    hosts: Collection[str] = (),
) -> Listing:
    """What a place offers of the published ``parts`` (first folders, or archives that stand for them).

    part      the one part that the place holds, where it is not the whole tree
    revision  of a place on the hub
    tries     attempts in a row that may fail
    hosts     that a list which is not of this machine may name, beside its own

    Raises DownloadError for a place that is not there, a list that is damaged, unsafe or ambiguous, and where nothing
    belongs to the parts.
    """
    name = posixpath.basename(urlsplit(place).path)
    listed = name in LISTS or name.endswith((".txt", ".csv", ".json"))
    if is_hub(place):
        revision, found = patiently(lambda: hosted(place, revision), place, tries)
    elif listed:
        revision, found = None, list(_listed(place, name, tries, hosts))
    else:
        revision, found = None, _web_folder(place, tries, hosts) if is_http(place) else _folder(place, tries, hosts)
    parts = [part] if part else list(parts)
    placed, passed_over = [], {}
    for offer in found:
        if hidden(offer.path) and not (listed or is_http(place)):
            continue
        if (path := _place(offer.path, parts, part)) is None:
            passed_over[offer.path] = "belongs to no published part"
        elif why := unreadable(path):
            passed_over[offer.path] = why
        else:
            placed.append(replace(offer, path=path))
    if not placed:
        seen = f"; it has {', '.join([*passed_over][:5])}" if passed_over else ""
        raise DownloadError(f"{place}: holds nothing of {', '.join(f'{name}/' for name in parts)}{seen}")
    _check(placed, place)
    return Listing(sorted(placed, key=lambda offer: offer.path), passed_over, revision)


def _place(path: str, parts: list[str], part: str | None) -> str | None:
    """Where a file belongs, by the first folder in its path that has the name of a part, or the first archive that
    stands for one; None: it belongs nowhere."""
    names = path.split("/")
    for at, name in enumerate(names):
        if (name if at < len(names) - 1 else _folder_of(name)) in parts:
            return "/".join(names[at:])
    return f"{part}/{path}" if part else None


def _folder_of(name: str) -> str | None:
    """The folder for which an archive stands; None for any other file."""
    folder = without_suffix(name)
    return folder if folder != name else None


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


def _listed(place: str, name: str, tries: int, hosts: Collection[str] = ()) -> Iterator[Offer]:
    """The files of a list. Relative ones lie beside it."""
    text = patiently(lambda: read_text(place, MAX_LIST), place, tries)
    read = _json if name.endswith(".json") else _csv if name.endswith(".csv") else _lines
    try:
        rows = list(read(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, csv.Error) as error:
        raise DownloadError(f"{place}: not a readable list of files ({error})") from error
    for path, url, size, sha256 in rows:
        url = _beside(place, url or path)
        if is_http(place) and not is_http(url):
            raise DownloadError(f"{place}: refuses {url}: a list from the web may name files of the web only")
        if not is_local(place) and is_local(url):
            raise DownloadError(f"{place}: refuses {url}: a list from elsewhere may not name files of this machine")
        if not is_local(place) and (host := _other_host(place, url)) and host not in hosts:
            raise DownloadError(
                f"{place}: refuses {url}: a list names files of its own host, or of those that you trust: "
                f"source.hosts=[{host}]"
            )
        yield Offer(path or unquote(urlsplit(url).path).lstrip("/"), url, size, sha256 and sha256.lower())


def _other_host(place: str, url: str) -> str | None:
    """The host (or the bucket) of a URL that has not the list's scheme and host, or https for its http."""
    own, other = urlsplit(place), urlsplit(url)
    same = (other.scheme, other.netloc) == (own.scheme, own.netloc)
    return None if same or (own.hostname == other.hostname and other.scheme == "https") else other.netloc


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


def _web_folder(place: str, tries: int, hosts: Collection[str]) -> list[Offer]:
    for name in LISTS:
        try:
            return list(_listed(f"{place.rstrip('/')}/{name}", name, tries, hosts))
        except DownloadError as error:
            if error.status not in _MISSING:
                raise
    raise DownloadError(
        f"{place}: a web server does not list its files, and there is neither {' nor '.join(LISTS)}. Put the "
        "data/manifest.json of someone who pulled the same files there, or make a list in that folder: "
        "find * -type f | xargs sha256sum > SHA256SUMS"
    )


def _folder(place: str, tries: int, hosts: Collection[str]) -> list[Offer]:
    """The files of a folder, with the checksums of a list that lies in it."""
    found: list[tuple[str, str, int | None]] = []
    if is_local(place):
        root = Path(place.removeprefix("file://")).absolute()
        if not root.is_dir():
            raise DownloadError(f"{place}: no such folder")
        files = (path for path in walk(root) if path.is_file())
        found += [(path.relative_to(root).as_posix(), str(path), path.stat().st_size) for path in files]
    else:
        top = place.rstrip("/")
        found += [(path, f"{top}/{path}", size) for path, size in patiently(lambda: _find(top), place, tries)]
    if not found:
        raise DownloadError(f"{place}: no such folder, or nothing in it")
    sums = {}
    for name in LISTS:
        if any(path == name for path, _, _ in found):
            sums = {offer.path: offer.sha256 for offer in _listed(f"{place.rstrip('/')}/{name}", name, tries, hosts)}
            break
    return [Offer(path, url, size, sums.get(path)) for path, url, size in found if path not in LISTS]


def _find(top: str) -> list[tuple[str, int | None]]:
    """Paths below a folder of an fsspec file system, and sizes."""
    with interruptible(top):
        system, path = open_filesystem(top)
        return [
            (found.removeprefix(path).lstrip("/"), told.get("size"))
            for found, told in system.find(path, detail=True).items()
        ]
