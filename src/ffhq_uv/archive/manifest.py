"""The list of what came: every file of the archives with its size, checksum and kind, and how many samples of what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.attributes import decode_meta_info
from ffhq_uv.archive.containers import Archives, locations, open_archive, split
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.notes import Notes
from ffhq_uv.archive.scanning import is_meta_info, logical, recognise
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.formats.folders import walk
from ffhq_uv.formats.looks import failed
from ffhq_uv.formats.names import part_of, without_suffix
from ffhq_uv.formats.published import KINDS, PUBLISHED_SAMPLES
from ffhq_uv.formats.zips import Zip, remembered_at


@dataclass(frozen=True)
class Entry:
    """One file: path below the root, size, SHA-256, kind (of `KINDS`, or ``other``), number of samples."""

    path: str
    bytes: int
    sha256: str
    kind: str
    samples: int


@dataclass(frozen=True)
class Manifest:
    """What came.

    samples      of each part (``dataset/ffhq-uv/uv-maps``, ...) how many different ones
    files        every file, sorted by path
    passed_over  files, and members of archives, that nothing reads, and why
    """

    samples: dict[str, int]
    files: list[Entry]
    passed_over: dict[str, str]


def manifest(root: Path, sha256: Mapping[str, str] | None = None, limits: Limits = PUBLISHED) -> Manifest:
    """What lies below ``root``. Checksums that are known already are given by path; the others are computed.

    Raises ArchiveError for a damaged or hostile archive or ``meta-info.json``.
    """
    ids: dict[str, set[str]] = {}
    notes: dict[str, str] = {}
    found: dict[str, set[str]] = {}
    for location in locations(root, limits=limits, notes=notes):
        for id in _ids(root, location, limits, notes):
            ids.setdefault(_kind(location)[1], set()).add(id)
            found.setdefault(location.split("!")[0], set()).add(id)
    entries = []
    for path in sorted(walk(root), key=lambda path: path.relative_to(root).as_posix()):
        if not path.is_file():
            continue
        location = path.relative_to(root).as_posix()
        digest = (sha256 or {}).get(location) or sha256_of(path)
        whole, number = part_of(location) or (location, 0)
        samples = len(found.get(whole, ())) if number <= 1 else 0
        entries.append(Entry(location, path.stat().st_size, digest, _kind(location)[0], samples))
    return Manifest({part: len(ids[part]) for part in sorted(ids)}, entries, dict(sorted(notes.items())))


def differences(samples: Mapping[str, int], asked: Collection[str] = tuple(PUBLISHED_SAMPLES)) -> list[str]:
    """What differs from the published numbers of samples of the parts that were asked for, in a sentence each."""
    found = []
    for part, published in PUBLISHED_SAMPLES.items():
        if part not in asked:
            continue
        if part not in samples:
            found.append(f"{part}: none of the {published:,} published samples")
        elif (more := samples[part] - published) != 0:
            change = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than"
            found.append(f"{part}: {samples[part]:,} samples, {change} the {published:,} published")
    return found


def large_zips(root: Path, limits: Limits = PUBLISHED) -> Iterator[tuple[Path, bytes]]:
    """Of every zip with very many members: where its directory should be remembered (`ffhq_uv.formats.zips`), and the
    content."""
    for path in walk(root):
        if path.is_file() and path.name.lower().endswith(".zip"):
            with open_archive(root, path.relative_to(root).as_posix(), limits) as archive:
                if isinstance(archive, Zip) and (content := archive.remembering()):
                    yield remembered_at(path), content


def _kind(location: str) -> tuple[str, str]:
    """A file's kind, and the path of the part that it belongs to."""
    names = logical(location).split("/")
    names[-1] = without_suffix(names[-1])
    for at, name in enumerate(names):
        if name in KINDS:
            return name, "/".join(names[: at + 1])
    return "other", "/".join(names[:-1]) or "."


def _ids(root: Path, location: str, limits: Limits, notes: Notes) -> Iterable[str]:
    """The samples that a file tells of; why it is of no use, if it is."""
    path, member = split(location)
    if not member and (why := _failed(root / path)):
        notes[location] = why
    elif is_meta_info(location):
        with Archives(root, limits) as archives:
            return decode_meta_info(archives.read(location), location)
    elif found := recognise(location):
        return [found.id]
    elif _kind(location)[0] not in ("topo_assets", "checkpoints"):
        notes[location] = "no published name"
    return []


def _failed(path: Path) -> str | None:
    with path.open("rb") as file:
        return failed(file.read(512))
