"""How much of a file from outside is read at all; beside each bound what the published files have."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True)
class Limits:
    """The largest files that are read, in bytes by kind, and the largest zips."""

    meta_info: int = 32 << 20  # 13 MB, by the number of samples
    json: int = 64 << 10  # 159 bytes
    npy: int = 64 << 10  # 164 bytes
    pkl: int = 256 << 10  # 3 kB
    png: int = 64 << 20  # 1.2 MB
    pt: int = 4 << 20  # 38 kB
    ratio: float = 200  # of unpacked to packed size of a member above one MiB; nothing published is packed twofold
    members: int = 2_000_000  # of one zip; 69,620

    def of(self, name: str) -> int:
        """The bound of a file by its name; 0 for kinds that are never read."""
        path = PurePosixPath(name)
        if path.name == "meta-info.json":
            return self.meta_info
        kinds = {".json": self.json, ".npy": self.npy, ".pkl": self.pkl, ".png": self.png, ".pt": self.pt}
        return kinds.get(path.suffix.lower(), 0)


PUBLISHED = Limits()
"""Bounds with which everything published can be read."""
