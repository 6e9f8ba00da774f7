"""The checksum of a file, by which archives are listed and results are known to be of this input."""

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
