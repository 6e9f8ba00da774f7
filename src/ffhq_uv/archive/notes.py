"""What was passed over, and why: nothing is in silence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

Notes = dict[str, str]
"""Locations of what was passed over, and why."""


def passed_over(notes: Mapping[str, str]) -> Iterator[str]:
    """A line for each reason why files were passed over: how many, and the first of them."""
    reasons: dict[str, list[str]] = {}
    for path, why in notes.items():
        reasons.setdefault(why, []).append(path)
    for why, paths in reasons.items():
        more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
        yield f"passed over, {why}: {', '.join(paths[:3])}{more}"
