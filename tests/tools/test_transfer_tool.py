"""Moved maps on disk: where they lie, that they are made once, and what is said where they cannot be."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import cv2
import pytest
from tests.small_run import inside
from tests.transfer.heads import halves, remeshed

from ffhq_uv.__main__ import main
from ffhq_uv.texture.export import obj_file
from ffhq_uv.texture.topology import load_mesh

SIZE = 128


@pytest.fixture(scope="module")
def folder(studio_assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Maps in a folder and in a zip, one of them damaged; the studio's head in two layouts, and another head."""
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "data/archives").mkdir(parents=True)
    (folder / "data/archives/topo_assets").symlink_to(studio_assets)
    head = load_mesh(studio_assets)
    copy, _ = remeshed(head, side=30)
    for name, mesh in {"head": head, "halves": halves(head), "copy": copy}.items():
        (folder / f"{name}.obj").write_bytes(obj_file(mesh, name))
    picture = cv2.resize(cv2.imread(str(studio_assets / "template_base_uv.png")), (SIZE, SIZE))
    png = cv2.imencode(".png", picture)[1].tobytes()
    (folder / "maps/000").mkdir(parents=True)
    (folder / "maps/000/000007.png").write_bytes(png)
    with zipfile.ZipFile(folder / "maps/001.zip", "w") as archive:
        archive.writestr("001/001002.png", png)
        archive.writestr("001003.png", png[:-40])
    return folder


def transferred(folder: Path, *words: str) -> int:
    with inside(folder):
        return main(["transfer", "maps=maps", f"size={SIZE}", *words])


@pytest.mark.slow
def test_folders_and_zips_are_mirrored_tile_by_tile_and_made_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("target=halves.obj", "layout=head.obj", "out=two")
    assert transferred(folder, *words) == 0
    assert "2 maps moved, 0 were there, 1 could not be" in capsys.readouterr().out
    found = {path.relative_to(folder / "two").as_posix() for path in (folder / "two").rglob("*.png")}
    assert found == {f"{map}.{tile}.png" for map in ("000/000007", "001/001002") for tile in (1001, 1002)}
    assert list(json.loads((folder / "two/failures.json").read_text())) == ["001.zip!001003.png"]
    assert json.loads((folder / "two/transfer.json").read_text())["tiles"] == [1001, 1002]
    (folder / "two/000/000007.1002.png").unlink()
    (kept := folder / "two/001/001002.1001.png").write_bytes(b"as it was")
    assert transferred(folder, *words) == 0
    assert "1 maps moved, 1 were there" in capsys.readouterr().out
    assert (folder / "two/000/000007.1002.png").exists()
    assert kept.read_bytes() == b"as it was"
    assert transferred(folder, *words, "format=webp") == 1
    assert "choose another out=" in capsys.readouterr().err


@pytest.mark.slow
def test_a_head_of_other_triangles_is_registered_and_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert transferred(folder, "target=copy.obj", "out=registered", "format=webp") == 0
    said = capsys.readouterr().out
    assert "of the vertices found their surface" in said
    assert cv2.imread(str(folder / "registered/registration.png")) is not None
    assert cv2.imread(str(folder / "registered/000/000007.webp")).shape == (SIZE, SIZE, 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("target=halves.obj", "layout=copy.obj", "out=x"), "or in another order: layout= is the target's own mesh"),
        (("target=none.obj", "out=x"), "none.obj"),
        (("target=copy.obj", "out=x", "landmarks=none.txt"), "none.txt: no such file"),
        (("target=copy.obj", "out=x", "size=3"), "size"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(
    folder: Path, words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert transferred(folder, *words) in (1, 2)
    assert message in capsys.readouterr().err


def test_no_maps_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(folder):
        assert main(["transfer", "maps=nowhere", "target=halves.obj", "layout=head.obj", "out=x"]) == 1
    assert "nowhere: no PNG found" in capsys.readouterr().err
