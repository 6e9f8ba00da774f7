"""Nothing half-written is ever left under a final name."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

import pytest

from ffhq_uv.store import files


def test_a_file_keeps_its_old_content_when_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "metrics" / "x.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        files.write_json(path, {"a": math.nan})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [entry.name for entry in path.parent.iterdir()] == ["x.json"]


def test_a_directory_appears_only_when_it_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "data" / "maps"
    with contextlib.suppress(KeyError), files.replacing_directory(out) as partial:
        (partial / "000.png").write_bytes(b"half")
        raise KeyError
    assert not out.exists()
    with files.replacing_directory(out) as partial:
        assert list(partial.iterdir()) == []  # what the failed run left is gone
        (partial / "001.png").write_bytes(b"whole")
        assert not out.exists()
    assert [entry.name for entry in out.iterdir()] == ["001.png"]


def test_two_runs_cannot_fill_one_directory(tmp_path: Path) -> None:
    out = tmp_path / "maps"
    with (
        files.replacing_directory(out),
        pytest.raises(RuntimeError, match="another run is writing"),
        files.replacing_directory(out),
    ):
        pass
    assert out.is_dir()
