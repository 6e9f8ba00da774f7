"""table: print the quality table again."""

from __future__ import annotations

import json

from ffhq_uv.command.words import Words
from ffhq_uv.figures.table import markdown
from ffhq_uv.store import files


def run(words: Words) -> None:
    """Print the table. Raises FileNotFoundError before the first `dvc repro`."""
    path = files.METRICS / "quality.json"
    if not path.exists():
        raise FileNotFoundError(f"{path}: not there yet; `dvc repro` makes it")
    print(markdown(json.loads(path.read_text())))
