"""Checksums, by which archives are listed and results are known to be of this input."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """A file's SHA-256, 64 hexadecimal digits. It is read a MiB at a time, whatever its size; raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_below(folder: Path) -> str:
    """The SHA-256 of a folder's files: of a line each, in order, with its path there and its checksum."""
    lines = (f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n" for path in files_below(folder))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def files_below(folder: Path) -> list[Path]:
    """The files of a folder and its folders, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())
