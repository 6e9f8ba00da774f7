"""What the configured source offers of what this run asks for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch

from ffhq_uv.archive.wanted import in_parts, in_samples
from ffhq_uv.config import ConfigError, PublishedSource
from ffhq_uv.download import Offer, look
from ffhq_uv.formats.published import OLD_PARTS, PARTS, PUBLISHED_SAMPLES
from ffhq_uv.source.lock import read_lock
from ffhq_uv.source.where import WHERE


@dataclass(frozen=True)
class Found:
    """What came of looking.

    offers       files to fetch
    passed_over  files of the places that are not asked for, or cannot be read, and why
    revisions    of places that have one: the commit of a repository
    """

    offers: list[Offer]
    passed_over: dict[str, str] = field(default_factory=dict)
    revisions: dict[str, str] = field(default_factory=dict)


def find(source: PublishedSource, tries: int) -> Found:
    """What the source's places offer; a part's own place goes before the tree's.

    Raises ConfigError where no place is named or nothing is asked for, DownloadError as `download.look`, RuntimeError
    for a file that is listed with another checksum than the lock's.
    """
    own = {part: place for part in PARTS if (place := getattr(source, part)) is not None}
    if source.url is None and not own:
        raise ConfigError(WHERE)
    places: list[tuple[str, list[str], str | None]] = [(place, list(PARTS), part) for part, place in own.items()]
    if source.url is not None:
        places.insert(0, (source.url, [*PARTS, *OLD_PARTS], None))
    found = Found([])
    for place, parts, part in places:
        listing = look(place, parts, part, source.revision, tries, source.hosts)
        found.passed_over.update(listing.passed_over)
        if listing.revision:
            found.revisions[place] = listing.revision
        for offer in listing.offers:
            if part is None and offer.path.split("/")[0] in own:
                continue
            if why := _unasked(offer.path, source):
                found.passed_over[offer.path] = why
            else:
                found.offers.append(offer)
    if not found.offers:
        why, _ = Counter(found.passed_over.values()).most_common(1)[0]
        raise ConfigError(f"nothing of what {places[0][0]} offers is asked for ({why}): source.parts, source.samples")
    return replace(found, offers=_locked(found.offers, source))


def _unasked(path: str, source: PublishedSource) -> str | None:
    if any(fnmatch(path, pattern) for pattern in source.exclude):
        return "source.exclude"
    if not in_parts(path, source.parts):
        return "not in source.parts"
    return None if in_samples(path, source.samples) else "not in source.samples"


def _locked(offers: list[Offer], source: PublishedSource) -> list[Offer]:
    locked = read_lock(source.lock) if source.lock is not None and source.lock.exists() else {}
    for offer in offers:
        if offer.sha256 not in (None, locked.get(offer.path, offer.sha256)):
            raise RuntimeError(f"{source.lock}: {offer.path} has changed: {offer.url} is listed with another checksum")
    return [replace(offer, sha256=locked.get(offer.path, offer.sha256)) for offer in offers]


def asked_samples(source: PublishedSource) -> set[str]:
    """The published parts with samples that this configuration asks for."""
    return {
        part
        for part in PUBLISHED_SAMPLES
        if in_parts(part, source.parts) and not any(fnmatch(f"{part}/", pattern) for pattern in source.exclude)
    }
