"""Overrides as people type them: values that are places are taken as they are, whatever signs are in them."""

from __future__ import annotations

import os
import re

PLACES = re.compile(
    r"(source\.(url|dataset|dataset_project|topo_assets|checkpoints|lock|reference_images)|checkpoints|pull\.downloads|\w+\.checkpoint)"
)
"""Keys whose values are paths or URLs."""


def as_typed(word: str) -> str:
    """An override for Hydra, in whose grammar ``( ) , = ? [ ] { }`` and letters beyond ASCII mean something else, or
    nothing: a place is quoted, unless it is already, and ``~`` is the home folder. Other overrides stay."""
    key, named, value = word.partition("=")
    plain = value.startswith(("'", '"', "${")) or value in ("", "null")
    if not named or plain or not PLACES.fullmatch(key.lstrip("+")):
        return word
    value = home(value)
    # Inside quotes a backslash means itself, unless it stands before a quote, or at the end.
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + "\\'", value)
    escaped = re.sub(r"(\\+)$", lambda found: found[1] * 2, escaped)
    return f"{key}='{escaped}'"


def home(place: str) -> str:
    """A path with ``~`` as the home folder; any other place as it is."""
    return os.path.expanduser(place) if place.startswith("~") else place
