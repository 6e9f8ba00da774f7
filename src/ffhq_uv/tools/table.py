"""table: print the quality table again, the published figures beside ours."""

from __future__ import annotations

import json
from typing import Any

from ffhq_uv.command.words import Words
from ffhq_uv.figures.table import PUBLISHED, beneath, markdown
from ffhq_uv.store import files


def run(words: Words) -> None:
    """Print the table. Raises FileNotFoundError before the first `dvc repro`."""
    print(markdown({data_set: _row(data_set) for data_set in PUBLISHED}))
    if (report := files.REPORTS / "quality.json").exists():
        print(beneath(json.loads(report.read_text())))


def _row(data_set: str) -> dict[str, Any]:
    path = files.METRICS / f"{data_set}.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: not there yet; `dvc repro` makes it")
    row: dict[str, Any] = json.loads(path.read_text())
    return row
