"""How much of a file from outside is read at all; beside each bound what the published files have."""

from __future__ import annotations

from dataclasses import dataclass

_KINDS = ("meta_info", "json", "npy", "pkl", "png", "pt")


@dataclass(frozen=True)
class Limits:
    """The largest files that are read, in bytes by kind, and the largest zips."""

    meta_info: int = 32 << 20  # 13 MB, by the number of samples
    json: int = 64 << 10  # 159 bytes
    npy: int = 64 << 10  # 164 bytes
    pkl: int = 256 << 10  # 3 kB
    png: int = 64 << 20  # 1.2 MB
    pt: int = 32 << 20  # 38 kB; a code that is a view of a batch is saved with all of it
    ratio: float = 200  # of unpacked to packed size of a member above one MiB; nothing published is packed twofold
    members: int = 2_000_000  # of one zip; 69,620

    def of(self, name: str) -> int:
        """The bound of a file by its name; 0 for kinds that are never read."""
        base = name.rpartition("/")[2].lower()
        kind = "meta_info" if base == "meta-info.json" else base.rpartition(".")[2]
        return int(getattr(self, kind)) if kind in _KINDS else 0


PUBLISHED = Limits()
"""Bounds with which everything published can be read."""
