"""A file that a place offers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Offer:
    """A file that a place offers: path below the archives, where its bytes are, size and SHA-256 as far as known."""

    path: str
    url: str
    bytes: int | None = None
    sha256: str | None = None


def is_local(url: str) -> bool:
    """Whether a URL is a path on this machine (or ``file://``)."""
    return "://" not in url or url.startswith("file://")
