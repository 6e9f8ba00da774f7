"""What is going to come, what came and what did not, in lines for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ffhq_uv.archive.notes import passed_over
from ffhq_uv.config import PublishedSource
from ffhq_uv.download import total
from ffhq_uv.source.find import Found, find


def report(found: Found, size: int | None) -> Iterator[str]:
    """What is going to come, and what is not, for a person to read before it starts.

    size  of all offers in bytes, if it could be told
    """
    for place, revision in found.revisions.items():
        yield f"{place} is at {revision}"
    counted = Counter(_part(offer.path) for offer in found.offers)
    total = "size not told" if size is None else _gigabytes(size)
    yield f"{len(found.offers):,} files to come, {total}: {', '.join(f'{part} ({n:,})' for part, n in counted.items())}"
    yield from passed_over(found.passed_over)


def planned(source: PublishedSource, tries: int, parallel: int) -> str:
    """What a pull has to bring, in a line; or why that cannot be told now."""
    try:
        found = find(source, tries)
        size = total(found.offers, parallel)
    except (RuntimeError, ValueError, OSError) as error:
        return f"pull: {' '.join(str(error).split())[:200]}"
    return f"pull: {len(found.offers):,} files, {'size not told' if size is None else _gigabytes(size)}"


def _part(path: str) -> str:
    """The published part that a file is counted under."""
    names = path.split("/")
    return "/".join(names[: 3 if names[0] == "dataset" else 1][: max(len(names) - 1, 1)])


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
