"""The code that dvc.yaml lists for a stage, by its checksums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ffhq_uv.config import CONF
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.formats.yaml_text import read_yaml
from ffhq_uv.repository import CODE


def code_of(stage: str) -> dict[str, str]:
    """SHA-256 by path of the code that dvc.yaml lists for a stage."""
    listed = (path.removeprefix("src/") for path in stages()[stage]["deps"] if path.startswith("src/"))
    code = [CODE.parent / path for path in listed]
    found = found_below(code, ("*.py", "*.cpp", "*.h"))
    return {f"src/{path.relative_to(CODE.parent).as_posix()}": sha256_of(path) for path in found}


def stages() -> dict[str, Any]:
    """The stages of dvc.yaml, by name."""
    found: dict[str, Any] = read_yaml(CONF.parent / "dvc.yaml")["stages"]
    return found


def found_below(paths: Iterable[Path], patterns: Sequence[str] = ("*",)) -> list[Path]:
    """The files at and below paths; those that do not exist are left out."""
    paths = list(paths)
    below = (file for path in paths for pattern in patterns for file in path.rglob(pattern))
    return sorted(path for path in (*paths, *below) if path.is_file())
