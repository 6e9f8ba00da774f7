"""The list of what came: every file of the archives with its size, checksum and kind, and how many samples of what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.attributes import decode_meta_info
from ffhq_uv.archive.containers import Archives, files, open_zip
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.scanning import recognise
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.formats.zips import remembered_at

PARTS = ("dataset", "dataset_project", "topo_assets", "checkpoints")
"""The folders in which FFHQ-UV is published."""
_OLD_SETS = ("ffhq-uv", "ffhq-uv-interpolate")
OLD_PARTS = (*(f"{name}{part}" for name in _OLD_SETS for part in ("", "-face-latents", "-face-attributes")), "standard")
"""The folders in which it was published until December 2022."""

KINDS = (
    "uv-maps",
    "face-latents",
    "meta-info.json",
    "topo_assets",
    "checkpoints",
    "latents",
    "attributes",
    "attributes_ms_api",
    "lights",
    "edit",
    "unwrap_texture",
    "inversions",
    "images",
)
"""The parts in which everything is published, by the name of a file's folder or zip."""

_SETS = {"dataset/ffhq-uv": 54_165, "dataset/ffhq-uv-interpolate": 100_000}
PUBLISHED_SAMPLES = {
    **{
        f"{name}/{kind}": samples
        for name, samples in _SETS.items()
        for kind in ("uv-maps", "face-latents", "meta-info.json")
    },
    "dataset_project/latents": 69_620,  # FFHQ's 70,000 less 380 that could not be inverted
}
"""How many samples the authors published of what."""


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
    """Every file, sorted by path, and of each part (``dataset/ffhq-uv/uv-maps``, ...) how many different samples."""

    samples: dict[str, int]
    files: list[Entry]


def manifest(root: Path, sha256: Mapping[str, str] | None = None, limits: Limits = PUBLISHED) -> Manifest:
    """What lies below ``root``. Checksums that are known already are given by path; the others are computed.

    Raises ArchiveError for a damaged or hostile zip or ``meta-info.json``.
    """
    ids: dict[str, set[str]] = {}
    entries = []
    for path in sorted(files(root), key=lambda path: path.relative_to(root).as_posix()):
        location = path.relative_to(root).as_posix()
        found = set(_ids(root, location, limits))
        kind, part = _kind(location)
        if found:
            ids.setdefault(part, set()).update(found)
        digest = (sha256 or {}).get(location) or sha256_of(path)
        entries.append(Entry(location, path.stat().st_size, digest, kind, len(found)))
    return Manifest({part: len(ids[part]) for part in sorted(ids)}, entries)


def differences(samples: Mapping[str, int]) -> list[str]:
    """What differs from the published numbers of samples, in a sentence each."""
    found = []
    for part, published in PUBLISHED_SAMPLES.items():
        if part not in samples:
            found.append(f"{part}: none of the {published:,} published samples")
        elif (more := samples[part] - published) != 0:
            change = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than"
            found.append(f"{part}: {samples[part]:,} samples, {change} the {published:,} published")
    return found


def large_zips(root: Path, limits: Limits = PUBLISHED) -> Iterator[tuple[Path, bytes]]:
    """Of every zip with very many members: where its directory should be remembered (`ffhq_uv.formats.zips`), and the
    content."""
    for path in files(root):
        if path.suffix == ".zip":
            with open_zip(path, limits) as archive:
                if content := archive.remembering():
                    yield remembered_at(path), content


def _kind(location: str) -> tuple[str, str]:
    """A file's kind, and the path of the part that it belongs to."""
    parts = location.split("/")
    for at, part in enumerate(parts):
        if (name := part.removesuffix(".zip")) in KINDS:
            return name, "/".join([*parts[:at], name])
    return "other", "/".join(parts[:-1]) or "."


def _ids(root: Path, location: str, limits: Limits) -> Iterable[str]:
    if location.endswith(".zip"):
        with open_zip(root / location, limits) as archive:
            return [member.id for name in archive.namelist() if (member := recognise(f"{location}!{name}"))]
    if location.endswith("meta-info.json"):
        with Archives(root, limits) as archives:
            return decode_meta_info(archives.read(location), location)
    return [member.id] if (member := recognise(location)) else []
