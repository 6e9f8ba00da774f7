"""What this program wrote into a folder, so that nothing else is ever removed.

A folder that is made anew replaces the one before it. Beside it lies a list of every file that was written, with its
size and time: what is not in it, or has changed since, is somebody's own, and then nothing is replaced.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SHOWN = 3
"""Foreign files that are named."""


def list_of(folder: Path) -> Path:
    """The list that lies beside a folder; Git and DVC ignore it."""
    return folder.with_name(f".partial-{folder.name}.written")


def remember(folder: Path, *contents: Path) -> None:
    """Write down that the files in ``contents``, and no others, are what this program wrote to ``folder``."""
    path = list_of(folder)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.writelines(f"{line}\n" for content in contents for line in _lines(content))
    os.replace(partial, path)


def check_replaceable(folder: Path) -> None:
    """Raise RuntimeError for a folder that is a link, or that holds anything that this program did not write there."""
    if folder.is_symlink():
        raise RuntimeError(
            f"{folder} is a link to {folder.readlink()}, and this folder is made anew every time. Remove the link; to "
            f"have it on another disk, let {folder.parent}/ be the link"
        )
    if not folder.exists():
        return
    if not folder.is_dir():
        raise RuntimeError(f"{folder} is a file, and a folder of this name is to be made; move it away")
    try:
        known = set(list_of(folder).read_text("utf-8", "surrogateescape").splitlines())
    except FileNotFoundError:
        known = set()
    foreign = [line.split(" ", 2)[2] for line in _lines(folder) if line not in known]
    if foreign:
        more = ", ..." if len(foreign) > SHOWN else ""
        raise RuntimeError(
            f"{folder} is to be made anew, and {len(foreign):,} of its files are not (or not any longer) what this "
            f"program wrote there: {', '.join(foreign[:SHOWN])}{more}. Nothing was removed. Move the folder away if it "
            f"is yours, or remove it if it may go: rm -r {folder}"
        )


def _lines(folder: Path) -> Iterator[str]:
    """A line for every file or link below a folder: its size, when it was changed (ns), and its path there."""
    for place, folders, names in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*names, *links]):
            path = os.path.join(place, name)
            state = os.lstat(path)
            yield f"{state.st_size} {state.st_mtime_ns} {os.path.relpath(path, folder)!r}"
