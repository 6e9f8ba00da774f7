"""The README says what is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from ffhq_uv.config import read
from ffhq_uv.stages.table import markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_quality_table_is_that_of_the_committed_metrics() -> None:
    assert markdown(json.loads((ROOT / "metrics/quality.json").read_text())) in README


def test_every_override_shown_composes() -> None:
    shown = re.findall(r"-S ([\w.]+=[^\s`]+)", README)
    assert len(shown) >= 5
    for override in shown:
        key, values = override.split("=", 1)
        for value in values.split(","):
            read([f"{key}={value}"])


def test_every_picture_and_file_shown_exists() -> None:
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).exists(), path
