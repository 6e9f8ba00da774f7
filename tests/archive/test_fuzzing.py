"""A short run of the fuzzer; the long one: python -m tests.archive.fuzzing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.archive.fuzzing import fuzz


@pytest.mark.slow
def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    example = os.environ.get("FFHQ_UV_EXAMPLE")
    found = fuzz(3_000, 7, Path(example) if example else None, tmp_path)
    assert all(counts["read"] for counts in found.values())
