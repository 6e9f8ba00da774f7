"""A small studio's run: how tests run stages in a folder of their own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ffhq_uv.command.line import main

SMALL = [
    "source.people=40",
    "source.reference=12",
    "source.map_size=64",
    "generator.size=128",
    "texture.size=128",
    "classify.age_edges=[40]",
    "interpolate.count=24",
    "engine=serial",
]
STAGES = ("pull", "index", "normalise", "measure", "truth", "filter", "classify", "interpolate", "extract", "evaluate")


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Run in a folder: stages keep their files below the current one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def run(folder: Path, *stages: str, overrides: tuple[str, ...] = ()) -> list[int]:
    """Exit codes of stages run one after the other in a folder, on the small studio."""
    with inside(folder):
        return [main([stage, *SMALL, *overrides]) for stage in stages]


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder that stages left there, but for what is half done, and logs."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".partial" not in str(path) and "logs" not in path.parts
    }
