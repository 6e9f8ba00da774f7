"""The page of a finished run: everything in it, the same bytes every time, nothing drawn twice, no folder lost."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from tests.small_run import SMALL, inside

from ffhq_uv.__main__ import main
from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import Archives
from ffhq_uv.page.pictures import read_or_reason
from ffhq_uv.page.wall import SIDE, TILE, tile


def look(folder: Path, out: Path, *words: str) -> int:
    with inside(folder):
        return main(["look", f"out={out}", "details=2", *words, *SMALL])


def value(path: Path) -> dict:
    """What a script hands to the page."""
    return json.loads(path.read_text().partition("(")[2].rpartition(")")[0])


def numbers(text: str, type: type) -> np.ndarray:
    planes = np.frombuffer(gzip.decompress(base64.b64decode(text)), np.uint8)
    return np.ascontiguousarray(planes.reshape(np.dtype(type).itemsize, -1).T).view(type).reshape(-1)


def test_the_page_of_a_run(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = tmp_path / "card.md"
    card.write_text("# The card")
    assert look(small_run, tmp_path / "one", f"card={card}") == 0
    assert "40 maps, 2 heads (Source) and 24 maps, 2 heads (New)" in capsys.readouterr().out
    one = tmp_path / "one"
    page, source = value(one / "data/page.js"), value(one / "source/table.js")
    assert page["card"] == "# The card"
    assert [table["title"] for table in page["tables"]][:1] == ["The data sets"]
    bounds = pl.read_parquet(small_run / "data/bounds.parquet")
    assert [c["run"]["value"] for c in page["criteria"]] == bounds["bound"].to_list()

    heads, topology = numbers(source["detailed"], np.uint32).tolist(), value(one / "data/topology.js")
    assert heads == [0, 39]
    sample = value(one / "source/samples/000039.js")
    assert [face["view"] for face in sample["faces"]] == ["left", "front", "right"]
    assert len(numbers(sample["head"]["positions"], np.uint16)) == 3 * topology["vertices"]
    index = pl.read_parquet(small_run / "data/samples.parquet")
    assert ["file", index["uv_map"][39]] in sample["facts"]
    assert not any(name == "parent" for name, _ in value(one / "new/samples/000000.js")["facts"])  # not recorded

    with Archives(small_run / "data/archives") as archives:
        expected = tile(read_uv_map(archives, index["uv_map"][31]))
    sheet = cv2.imread(str(one / "source/atlas/00001.webp"), cv2.IMREAD_COLOR_RGB)
    shown = sheet[TILE * (6 // SIDE) : TILE * (6 // SIDE + 1), TILE * (6 % SIDE) : TILE * (6 % SIDE + 1)]
    assert np.abs(shown.astype(int) - expected).mean() < 4  # WebP

    # Again: nothing is drawn, the same files; another folder: the same bytes.
    inode = (one / "source/atlas/00000.webp").stat().st_ino
    assert look(small_run, one, f"card={card}") == 0
    assert (one / "source/atlas/00000.webp").stat().st_ino == inode
    assert look(small_run, tmp_path / "two", f"card={card}", "seed=1") == 0
    for path in sorted(one.rglob("*.*")):
        assert (tmp_path / "two" / path.relative_to(one)).read_bytes() == path.read_bytes()


def test_a_folder_that_is_no_page_is_left_alone(small_run: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert look(small_run, tmp_path) == 2
    assert "holds something else than a page" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_before_the_filter_it_says_what_is_missing(tmp_path: Path, capsys) -> None:
    assert look(tmp_path, tmp_path / "page", "details=0") != 0
    (tmp_path / "empty").mkdir()
    with inside(tmp_path / "empty"):
        assert main(["look", "out=page", "details=0"]) == 1
    assert "data/bounds.parquet: not there yet" in capsys.readouterr().err


def test_a_damaged_map_is_a_reason_and_no_end(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    with Archives(tmp_path) as archives:
        for location in ("bad.png", None):
            found, reason = read_or_reason(archives, location)
            assert found is None
            assert reason
