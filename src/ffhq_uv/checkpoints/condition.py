"""Whether a published file is here, and opens."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.checkpoints.needs import chosen
from ffhq_uv.checkpoints.published import Published
from ffhq_uv.formats.checksum import sha256_of


@dataclass(frozen=True)
class Condition:
    """What became of a published file here.

    file      the published file
    needed    the choices of this configuration that need it
    size      bytes, or None if it is not there
    sha256    of its content, or None
    problem   why it does not open, or None
    package   the path of the package's file that serves in its place, or None
    """

    file: Published
    needed: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    problem: str | None = None
    package: Path | None = None


def examine(file: Published, choices: Collection[str], folders: Mapping[str, Path]) -> Condition:
    """Look for a published file, take its checksum and open it."""
    path, needed = file.used(folders), chosen(file, choices)
    if not path.is_file():
        return Condition(file, needed)
    problem = None
    try:
        file.open(path)
    except (ValueError, OSError, RuntimeError) as error:
        problem = " ".join(str(error).split())
    package = path if path != file.at(folders) else None
    return Condition(file, needed, path.stat().st_size, sha256_of(path), problem, package)


def works(condition: Condition) -> bool:
    """Whether a file is there and opens."""
    return condition.size is not None and condition.problem is None
