"""The row FFHQ by FFHQ's own pictures, in place of faces drawn from inverted codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from tests.small_run import inside, run

from ffhq_uv.__main__ import main
from ffhq_uv.config import ConfigError, read
from ffhq_uv.figures.table import INVERTED
from ffhq_uv.quality.identity import dct_embedding

FEW = ("source.people=3", "source.reference=2")


@pytest.mark.slow
def test_pictures_are_the_reference_where_they_are_given(tmp_path: Path) -> None:
    faces = np.random.default_rng(1).integers(0, 256, (3, 96, 96, 3), np.uint8)
    (tmp_path / "pictures/00000").mkdir(parents=True)
    for number, face in enumerate(faces):
        Image.fromarray(face).save(tmp_path / f"pictures/00000/0000{number}.png")
    Image.fromarray(faces[0, :50]).save(tmp_path / "pictures/wide.png")
    (tmp_path / "pictures/notes.txt").touch()
    folder = tmp_path / "run"
    folder.mkdir()
    given = (*FEW, f"source.reference_images={tmp_path / 'pictures'}", "failures.max_share=0.5")
    assert run(folder, "pull", "index", "normalise", "measure", overrides=given) == [0] * 4
    measured = pl.read_parquet(folder / "data/reference.parquet")
    assert measured["id"].to_list() == [*(f"00000/0000{number}.png" for number in range(3)), "wide.png"]
    assert measured["reason"].to_list()[:3] == [None] * 3
    assert measured["reason"][3].startswith("not_aligned: 96 x 50 pixels")
    expected = dct_embedding(torch.from_numpy(faces)).numpy()
    np.testing.assert_allclose(np.stack(measured["identity"].to_list()[:3]), expected, atol=1e-5)


def test_without_them_the_table_says_that_people_are_inverted(
    small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads((small_run / "reports/quality.json").read_text())["reference"]["of"] == INVERTED
    with inside(small_run):
        assert main(["table"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"FFHQ: {INVERTED}; ID std by identity=dct"


def test_pictures_have_no_heads() -> None:
    with pytest.raises(ConfigError, match=r"source\.reference_images: identity=coefficients measures heads"):
        read(["source.reference_images=somewhere", "identity=coefficients"])
