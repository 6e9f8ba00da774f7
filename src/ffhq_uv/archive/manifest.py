"""The list of what came: every file of the archives with its size, checksum, kind and number of samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.attributes import decode_meta_info
from ffhq_uv.archive.containers import Archives, files, open_zip
from ffhq_uv.archive.scanning import recognise

KINDS = (
    *("uv-maps", "face-latents", "meta-info.json", "topo_assets", "checkpoints"),
    *(
        "latents",
        "attributes",
        "attributes_ms_api",
        "lights",
        "edit",
        "unwrap_texture",
        "inversions",
        "images",
    ),
)
"""The parts in which everything is published, by the name of a file's folder or zip."""


@dataclass(frozen=True)
class Entry:
    """One file: path below the root, size, SHA-256, kind (of `KINDS`, or ``other``), number of samples."""

    path: str
    bytes: int
    sha256: str
    kind: str
    samples: int


def manifest(root: Path) -> Iterator[Entry]:
    """An entry for each file below ``root``, sorted by path. Raises ArchiveError for a hostile zip."""
    for path in sorted(files(root), key=lambda path: path.relative_to(root).as_posix()):
        location = path.relative_to(root).as_posix()
        yield Entry(location, path.stat().st_size, _sha256(path), _kind(location), _samples(root, location))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _kind(location: str) -> str:
    return next((name for part in location.split("/") if (name := part.removesuffix(".zip")) in KINDS), "other")


def _samples(root: Path, location: str) -> int:
    if location.endswith(".zip"):
        with open_zip(root / location) as archive:
            return len({member.id for name in archive.namelist() if (member := recognise(name))})
    if location.endswith("meta-info.json"):
        with Archives(root) as archives:
            return len(decode_meta_info(archives.read(location), location))
    return int(recognise(location) is not None)
