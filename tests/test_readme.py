"""The README says what is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ffhq_uv.config import read
from ffhq_uv.figures.table import PUBLISHED, markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_quality_table_is_that_of_the_committed_metrics() -> None:
    assert markdown({name: json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in PUBLISHED}) in README


@pytest.mark.slow
def test_every_override_shown_composes() -> None:
    commands = re.findall(r"^dvc exp run .*", README, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        overrides = re.findall(r"-S ([\w.]+)=(\S+)", command)
        for choice in zip(*(values.split(",") for _, values in overrides), strict=True):  # a sweep stands alone
            read([f"{key}={value}" for (key, _), value in zip(overrides, choice, strict=True)])


def test_every_picture_and_file_shown_exists() -> None:
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).exists(), path
