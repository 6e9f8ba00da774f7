from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from tests.small_run import SMALL, inside
from tests.texture.eyed import with_balls
from tests.texture.glb import read_glb
from tests.transfer.heads import halves

from ffhq_uv.__main__ import main
from ffhq_uv.archive.containers import Archives
from ffhq_uv.formats.png import read_png
from ffhq_uv.store import files
from ffhq_uv.texture.export import obj_file
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.topology import load_mesh


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


def test_any_sample_on_any_head_is_small_and_has_normals(small_run: Path, tmp_path: Path) -> None:
    with inside(small_run):
        words = ("sample=000001,000002", "compact=true", "normals=true", *SMALL)
        assert main(["export", f"out={tmp_path / 'own'}", *words]) == 0
        assert main(["export", f"out={tmp_path / 'other'}", "head=000002", *words]) == 0
        assert main(["export", f"out={tmp_path / 'source'}", "data=ffhq-uv", *words]) == 0
        with Archives(files.ARCHIVES) as archives:
            published = archives.read("dataset/ffhq-uv/uv-maps/000.zip!000001.png")
    read = {
        (folder, id): read_glb((tmp_path / folder / f"{id}.glb").read_bytes())
        for folder in ("own", "other", "source")
        for id in ("000001", "000002")
    }
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == [
        f"00000{number}{end}" for number in (1, 2) for end in (".glb", "_normals.png")
    ]
    same = read["own", "000002"].positions
    np.testing.assert_array_equal(read["other", "000001"].positions, same)  # the other's head
    assert np.abs(read["own", "000001"].positions - same).max() > 0.01  # its own is another one
    texture = read_png(published, "published").astype(int)  # of data=ffhq-uv, WebP has lost a little
    assert np.abs(read["source", "000001"].texture - texture).mean() < 4
    normals = cv2.imread(str(tmp_path / "own/000001_normals.png"))[..., ::-1].astype(float) / 127.5 - 1
    np.testing.assert_allclose(np.linalg.norm(normals, axis=-1), 1, atol=0.03)
    middle = len(normals) // 2
    assert normals[middle, middle, 2] > 0.5  # the face looks along z


def test_another_head_keeps_its_eyeballs_and_they_are_painted(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(small_run):
        head = load_mesh(files.TOPO_ASSETS)
        own = Mesh(head.vertices, head.uv * np.float32([0.8, 1]), head.triangles, head.triangles_uv)
        away = with_balls(head, (2, 0), 0.5)  # as in upstream's FLAME_w_HIFI3D_UV.obj
        for name, mesh in {"own": with_balls(own, (0.81, 0), 0.09), "away": away}.items():
            (tmp_path / f"{name}.obj").write_bytes(obj_file(mesh, name))
        words = (f"target={tmp_path / 'own.obj'}", f"layout={tmp_path / 'away.obj'}", "compact=true", *SMALL)
        assert main(["export", "sample=000001", f"out={tmp_path / 'out'}", *words]) == 0
    assert "2 eyeballs, painted: maps have none" in capsys.readouterr().out
    read = read_glb((tmp_path / "out/000001.glb").read_bytes())
    assert len(read.triangles) == len(away.triangles)
    size = len(read.texture)
    eye = read.texture[int((1 - 0.09) * size) :, int(0.81 * size) : int(0.99 * size)]
    assert (eye.min(-1) > 190).mean() > 0.2
    assert eye.max(-1).min() < 60


@pytest.mark.parametrize(("target", "layout"), [("away", "away"), ("flame", "hifi")])
def test_heads_in_several_tiles_are_taken_where_their_skin_is_in_one(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, layout: str
) -> None:
    with inside(small_run):
        head = load_mesh(files.TOPO_ASSETS)
        meshes = {"away": with_balls(head, (2, 0), 0.5), "hifi": head, "flame": halves(head)}
        for name, mesh in meshes.items():
            (tmp_path / f"{name}.obj").write_bytes(obj_file(mesh, name))
        words = [f"target={tmp_path / f'{target}.obj'}", f"layout={tmp_path / f'{layout}.obj'}", *SMALL]
        code = main(["export", "sample=000001", f"out={tmp_path / 'out'}", *words])
    said = capsys.readouterr()
    if target == "away":
        assert code == 0
        read = read_glb((tmp_path / "out/000001.glb").read_bytes())
        source = read_png((small_run / "data/ffhq-uv-interpolate/uv-maps/000/000001.png").read_bytes(), "map")
        middle = len(source) // 2
        np.testing.assert_array_equal(read.texture[middle, middle], source[middle, middle])
    else:
        assert code == 2
        assert "its layout has 2 tiles with skin" in said.err


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
        (["map=dvc.yaml", "sample=000000", "out=x"], "one of sample=ID and map=PNG is needed"),
        (["map=params.txt", "out=x"], "params.txt: no PNG"),
        (["map=params.txt", "head=000001", "out=x"], "head=ID goes with sample=ID"),
        (["sample=000999", "data=ffhq-uv", "out=x"], "no sample of data=ffhq-uv"),
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
