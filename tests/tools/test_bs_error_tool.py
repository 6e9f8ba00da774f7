"""The tool bs-error: every map of a folder or zip once, what cannot be measured with its reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from tests.shards.shards import measure_but_die_of_five

from ffhq_uv.__main__ import main
from ffhq_uv.archive.writing import encode_png, write_zip
from ffhq_uv.quality.bs_error import bs_error
from ffhq_uv.shards.run import WORKER_DIED
from ffhq_uv.tools import bs_error as stage

MAPS = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
PNGS = [encode_png(uv_map) for uv_map in MAPS]


@pytest.fixture
def maps(tmp_path: Path) -> Path:
    """A folder with a map, a zip of two, one that is cut short and one that is not square."""
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps/000000.png").write_bytes(PNGS[0])
    write_zip(tmp_path / "maps/001.zip", [("001/001000.png", PNGS[1]), ("001/001001.png", PNGS[2]), ("a.txt", b"")])
    (tmp_path / "maps/cut.png").write_bytes(PNGS[0][:-20])
    (tmp_path / "maps/wide.png").write_bytes(encode_png(MAPS[0, :16]))
    return tmp_path / "maps"


@pytest.mark.slow
def test_every_map_of_a_folder_and_its_zips(maps: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bs-error", f"maps={maps}", f"out={tmp_path / 'out.csv'}"]) == 0
    table = pl.read_csv(tmp_path / "out.csv")
    assert table["map"].to_list() == [
        "000000.png",
        "001.zip!001/001000.png",
        "001.zip!001/001001.png",
        "cut.png",
        "wide.png",
    ]
    expected = bs_error(torch.from_numpy(MAPS)).tolist()
    assert table["bs_error"].drop_nulls().to_list() == pytest.approx(expected, abs=1e-5)
    assert [reason is None for reason in table["reason"]] == [True, True, True, False, False]
    told = capsys.readouterr()
    assert f"BS error {np.mean(expected):.3f}" in told.out
    assert "3 maps, 2 could not be measured" in told.out
    assert "cut.png" in told.err


@pytest.mark.slow
def test_a_zip_alone(maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bs-error", f"maps={maps / '001.zip'}"]) == 0
    assert "2 maps, 0 could not" in capsys.readouterr().out


@pytest.mark.slow
def test_a_map_that_kills_its_worker_costs_no_other_of_its_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(stage.SHARD + 1):
        (tmp_path / f"{number:06d}.png").write_bytes(PNGS[0])
    monkeypatch.setattr(stage, "measure", measure_but_die_of_five)
    table, _ = stage.measure_maps(tmp_path, workers=1)
    assert table.drop_nulls("reason").select("map", "reason").rows() == [("000005.png", WORKER_DIED)]
    assert len(table) == stage.SHARD + 1
    assert table["bs_error"].null_count() == 1


@pytest.mark.slow
def test_a_word_that_it_does_not_take_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bs-error", "maps=a", "in=b"]) == 2
    assert "no configuration key 'in'" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "status"), [([], 2), (["maps=nowhere"], 1)])
def test_refuses(words: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bs-error", *words]) == status
    assert "expected" in capsys.readouterr().err


@pytest.mark.slow
def test_what_is_no_map_is_passed_over_with_a_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    grey = np.repeat(MAPS[0, :, :, :1], 3, axis=2)
    normals = np.full((32, 32, 3), (128, 128, 250), np.uint8)
    normals[0, 0] = (120, 130, 240)
    pictures = {
        "000000.png": MAPS[0],
        "000001.PNG": MAPS[1],
        "hair_mask.png": MAPS[0],
        "template_base_uv.png": MAPS[0],
        "000000_normal.png": MAPS[0],
        "000000_left.png": MAPS[0],
        "000000/ambient_occlusion.png": MAPS[0],
        "000002.png": np.where(grey > 127, 255, 0).astype(np.uint8),
        "000003.png": grey,
        "000004.png": normals,
        "black.png": np.zeros((32, 32, 3), np.uint8),
        "wide.png": MAPS[0, :16],
    }
    for name, pixels in pictures.items():
        (tmp_path / "maps" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "maps" / name).write_bytes(encode_png(pixels))
    Image.fromarray(MAPS[2]).save(tmp_path / "maps/jpeg.png", "JPEG")
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(tmp_path / "maps/deep.png")
    (tmp_path / "maps/other.jpg").write_bytes(b"\xff\xd8\xff")
    assert main(["bs-error", f"maps={tmp_path / 'maps'}", f"out={tmp_path / 'out.csv'}"]) == 0
    table = pl.read_csv(tmp_path / "out.csv")
    assert table.filter(pl.col("reason").is_null())["map"].to_list() == ["000000.png", "000001.PNG"]
    reasons = dict(table.drop_nulls("reason").select("map", "reason").iter_rows())
    assert {reasons[name] for name in ("hair_mask.png", "000002.png")} == {"no map: mask"}
    assert {reasons[name] for name in ("000000_normal.png", "000004.png")} == {"no map: normal map"}
    assert reasons["template_base_uv.png"] == "no map: template"
    assert reasons["000000_left.png"] == "no map: face"
    assert reasons["000000/ambient_occlusion.png"] == "no map: occlusion map"
    assert reasons["black.png"] == "no map: picture of one colour"
    assert reasons["000003.png"].startswith("no map: grey picture")
    assert reasons["wide.png"] == "32 x 16 texels; a UV map is square"
    assert "a JPEG" in reasons["jpeg.png"]
    assert "16 bits" in reasons["deep.png"]
    told = capsys.readouterr()
    assert "passed over, mask: 2" in told.out
    assert "passed over, no PNG: other.jpg" in told.out
    assert "2 maps, 3 could not be measured" in told.out


@pytest.mark.slow
def test_limits_are_the_configured_ones(maps: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bs-error", f"maps={maps}", "limits.png=1000"]) == 1
    assert "none of 5 pictures could be measured" in capsys.readouterr().err
