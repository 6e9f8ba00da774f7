"""The lock of a source: checksums that were written down once, and are held to ever after.

A text file as ``sha256sum`` writes it; ``sha256sum --check`` in data/archives checks it, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ffhq_uv.archive import Entry
from ffhq_uv.store import files


def read_lock(path: Path) -> dict[str, str]:
    """SHA-256 by path. Raises ValueError for a line that is none of sha256sum's."""
    sums = {}
    for line in path.read_text().splitlines():
        sha256, _, name = line.partition("  ")
        if len(sha256) != 64 or not name:
            raise ValueError(f"{path}: {line[:100]!r} is no line of checksums")
        sums[name] = sha256
    return sums


def enforce(path: Path, entries: Iterable[Entry]) -> None:
    """Raise RuntimeError naming every file that is not as the lock says; without a lock, write it."""
    came = {entry.path: entry.sha256 for entry in entries}
    if not path.exists():
        with files.replacing(path) as partial:
            partial.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in came.items()))
        return
    locked = read_lock(path)
    wrong = [
        *(f"{name} is missing" for name in locked.keys() - came.keys()),
        *(f"{name} is not in the lock" for name in came.keys() - locked.keys()),
        *(f"{name} has changed" for name in came.keys() & locked.keys() if came[name] != locked[name]),
    ]
    if wrong:
        more = f" and {len(wrong) - 10} more" if len(wrong) > 10 else ""
        raise RuntimeError(
            f"{path}: {'; '.join(sorted(wrong)[:10])}{more}. If that is meant, remove the lock: it is written anew"
        )
