from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh
from tests.small_run import SMALL, inside

from ffhq_uv.__main__ import main


def test_a_sample_is_exported_on_its_fitted_head_and_a_map_on_the_mean_head(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texture = "data/ffhq-uv-interpolate/uv-maps/000/000002.png"
    with inside(small_run):
        assert main(["export", "sample=000002", f"out={tmp_path / 'fitted'}", *SMALL]) == 0
        assert "the fitted head" in capsys.readouterr().out
        assert main(["export", f"map={texture}", f"out={tmp_path / 'mean'}"]) == 0
        assert main(["export", "sample=000002", f"out={tmp_path / 'other'}", *SMALL, "generator=recorded"]) == 0
        assert "the mean head (missing_view:left)" in capsys.readouterr().out
    fitted, mean = (trimesh.load(tmp_path / kind / "000002.glb", force="mesh") for kind in ("fitted", "mean"))
    assert fitted.faces.shape == mean.faces.shape
    # as far from the mean head as people are, and no further
    assert 0.005 < np.abs(np.ptp(fitted.vertices, axis=0) - np.ptp(mean.vertices, axis=0)).max() < 0.5
    assert np.abs(fitted.vertices).max() < 3
    for kind in ("fitted", "mean", "other"):
        assert (tmp_path / kind / "000002.png").read_bytes() == (small_run / texture).read_bytes()
        assert trimesh.load(tmp_path / kind / "000002.obj", force="mesh").visual.uv is not None


def test_the_studio_fits_no_head_to_codes_of_others(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied("data/archives/topo_assets", "data/ffhq-uv-interpolate")
    (folder / "data/archives/topo_assets/similarity_Lm3D_all.mat").unlink()
    with inside(folder):
        assert main(["export", "sample=000002", "out=x", *SMALL]) == 2
        assert not Path("x").exists()
    assert "is not the studio's" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sample=2", "out=x"], "expected six digits"),
        (["sample=000999", "out=x"], "no such sample"),
        (["map=missing.png", "out=x"], "missing.png: no such UV map"),
        (["map=dvc.yaml", "sample=000000", "out=x"], "export sample=ID out=FOLDER | map=PNG out=FOLDER"),
        (["map=params.txt", "out=x"], "params.txt: no PNG"),
    ],
)
def test_what_cannot_be_exported_is_one_clear_line(
    small_run: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_run / "params.txt").write_text("no picture")
    with inside(small_run):
        assert main(["export", *words]) in (1, 2)
        assert not Path("x").exists()
    assert message in capsys.readouterr().err
    (small_run / "params.txt").unlink()
