"""report: print what the stages counted and measured: who was dropped and why, intervals, categories, textures.

Without a name it lists the reports that there are; `report name=filter` prints one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.store import files


class Words(Declared):
    """What the tool is told."""

    name: str | None = Field(None, description="a report, such as filter; without it, they are listed")


def run(words: Words) -> None:
    """Print a report, or which there are. Raises FileNotFoundError for one that is not there."""
    found = {path.stem: path for path in sorted(files.REPORTS.glob("*.json"))}
    if words.name is not None and words.name not in found:
        there = f"there are: {', '.join(found)}" if found else "none is there yet; `dvc repro` makes them"
        raise FileNotFoundError(f"{files.REPORTS / words.name}.json: no such report; {there}")
    if not found:
        raise FileNotFoundError(f"{files.REPORTS}: not there yet; `dvc repro` makes it")
    if words.name is None:
        print("\n".join(f"{name:12} {path}" for name, path in found.items()))
    else:
        print("\n".join(_lines(json.loads(found[words.name].read_text()))))


def _lines(found: dict[str, Any], indent: str = "") -> Iterator[str]:
    """A line a figure, sections indented; numbers to the right of a column of their own."""
    for name, value in found.items():
        if isinstance(value, dict):
            yield f"{indent}{name}" if value else f"{indent}{name:{40 - len(indent)}} {'none':>14}"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name:{40 - len(indent)}} {_written(value):>14}"


def _written(value: Any) -> str:
    """A figure to four digits; of several, all of them."""
    if isinstance(value, list):
        return " ".join(map(_written, value))
    if isinstance(value, float):
        return f"{value:,.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
