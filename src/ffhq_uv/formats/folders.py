"""Folders from outside, walked. All rooms walk them here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

_HIDDEN = re.compile(r"(^|/)(\.[^/.]|\.\.[^/]|__MACOSX(/|$))")


def walk(root: Path) -> Iterator[Path]:
    """Every file below a folder in a fixed order, through links, each real folder once.

    Names that start with a dot are left out: they are temporary, or a system's notes (``._000.zip``, ``.DS_Store``),
    as is everything in ``__MACOSX``.
    """
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not hidden(name))
        yield from (Path(folder, name) for name in sorted(names) if not hidden(name))


def hidden(path: str) -> bool:
    """Whether any name in a relative path with ``/`` is none that a person gave."""
    return _HIDDEN.search(path) is not None
