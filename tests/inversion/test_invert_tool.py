"""The tool `invert`: twenty pictures of every kind end with a row each, and a second run does nothing."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import e4e_by_rule
import numpy as np
import polars as pl
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.archive.attributes import decode_attributes
from ffhq_uv.archive.catalogue import catalogue
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.chain.inverter import Settings
from ffhq_uv.config import ConfigError, read
from ffhq_uv.formats.png import read_png
from ffhq_uv.studio.flow import direction_file, flow_file
from ffhq_uv.tools.invert import TABLE, invert
from published_networks import dpr, random_state
from studio_landmarks import Faces

ORIENTATION = 0x0112


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, landmark_model: Path) -> Settings:
    """Random networks in the published containers, and a landmark model that knows the studio's people."""
    from stylegan2_files import random_generator, rosinality_state

    folder = tmp_path_factory.mktemp("checkpoints")
    decoder = rosinality_state(random_generator({4 << step: 4 for step in range(9)}))
    encoder = e4e_by_rule.write(folder / "e4e_ffhq_encode.pt", e4e_by_rule.quick_state(), decoder)
    light = folder / "trained_model_03.t7"
    torch.save(random_state(dpr()), light, _use_new_zipfile_serialization=False)
    # a random decoder draws no faces, so the attributes are the photographs'
    return Settings(encoder, light, folder, landmark_model, attributes="none", of="photograph")


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def turned(image: Image.Image) -> bytes:
    """A picture that lies on its side, and says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


def pictures(faces: NDArray[np.uint8]) -> dict[str, tuple[bytes, str | None]]:
    """Files by name, and how the reason begins, or None where a face is found."""
    one, other = (Image.fromarray(face) for face in faces[:2])
    alpha = one.copy()
    alpha.putalpha(200)
    two = Image.fromarray(np.hstack([faces[0], faces[1]]))
    deep = Image.fromarray(np.asarray(one.convert("L"), np.uint16) * 257)
    huge = other.resize((3000, 3000))
    png = encoded(one, "PNG")
    flat = Image.new("RGB", (300, 200), (90, 120, 60))
    bomb = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(bomb, "PNG")
    return {
        "00042.png": (png, None),
        "alpha.png": (encoded(alpha, "PNG"), None),
        "cmyk.jpg": (encoded(one.convert("CMYK"), "JPEG", quality=95), None),
        "deep.png": (encoded(deep, "PNG"), None),
        "grey.jpg": (encoded(one.convert("L"), "JPEG", quality=95), None),
        "huge.jpg": (encoded(huge, "JPEG"), None),
        "palette.gif": (encoded(one.quantize(256), "GIF"), None),
        "turned.png": (turned(one), None),
        "two.png": (encoded(two, "PNG"), None),
        "bomb.png": (bomb.getvalue(), "unreadable: refuses more than"),
        "drawing.png": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unreadable: no picture"),
        "empty.png": (b"", "unreadable: no picture"),
        "levels.tif": (encoded(one.convert("F"), "TIFF"), "unreadable: damaged picture (floating-point"),
        "noise.jpg": (bytes(range(256)) * 9, "unreadable: no picture"),
        "pointer.jpg": (b"version https://git-lfs.github.com/spec/v1\n", "unreadable: no picture"),
        "short.webp": (encoded(one, "WEBP")[:300], "unreadable: "),
        "no-face.jpg": (encoded(flat, "JPEG"), "no_face"),
        "text.png": (b"not a picture at all\n" * 9, "unreadable: no picture"),
        "tiny.png": (encoded(one.resize((12, 12)), "PNG"), "no_face"),
        "truncated.png": (png[: len(png) // 2], "unreadable: damaged"),
    }


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory, settings: Settings, strangers: Faces
) -> tuple[Path, Path, pl.DataFrame]:
    """The folder of pictures, the project folder that the tool made of it, and its table."""
    images, out = tmp_path_factory.mktemp("images"), tmp_path_factory.mktemp("project")
    for name, (content, _) in pictures(strangers.faces[:, 1].numpy()).items():
        (images / name).write_bytes(content)
    return images, out, invert(images, out, settings, read(["engine=serial"]))


def test_every_picture_is_right_or_has_its_reason(done: tuple[Path, Path, pl.DataFrame], strangers: Faces) -> None:
    _, out, table = done
    expected = pictures(strangers.faces[:, 1].numpy())
    assert len(table) == len(expected) == 20
    for row in table.iter_rows(named=True):
        reason = expected[row["picture"]][1]
        assert (row["reason"] is None) if reason is None else row["reason"].startswith(reason), row
        for folder, suffix in (("latents", "pt"), ("inversions", "png"), ("lights", "npy"), ("attributes", "json")):
            assert (out / folder / f"{row['id']}.{suffix}").exists() == (reason is None), row
    by_name = {row["picture"]: row for row in table.iter_rows(named=True)}
    assert by_name["00042.png"]["id"] == "00042"
    assert by_name["two.png"]["faces"] == 2
    assert sorted(table["id"])[1:] == [f"{number:05d}" for number in range(70_000, 70_019)]


def test_the_files_are_the_published_ones(done: tuple[Path, Path, pl.DataFrame]) -> None:
    _, out, table = done
    code = decode_latent((out / "latents/00042.pt").read_bytes(), "00042.pt")
    assert np.isfinite(code).all()
    assert read_png((out / "inversions/00042.png").read_bytes(), "00042.png").shape == (1024, 1024, 3)
    assert decode_light((out / "lights/00042.npy").read_bytes(), "00042.npy").shape == (9,)
    told = json.loads((out / "attributes/00042.json").read_bytes())
    assert {"Age", "Baldness", "Beard", "Expression", "Gender", "Glasses", "Pitch", "Yaw"} <= told.keys()
    assert "guesses about the appearance" in told["Note"].lower()
    assert told["Age"] is None
    assert decode_attributes((out / "attributes/00042.json").read_bytes(), "00042.json").age is None
    assert (out / TABLE).read_text().count("not facts about a person") == len(table)


def test_one_face_gives_one_code_however_it_is_stored(done: tuple[Path, Path, pl.DataFrame]) -> None:
    _, out, table = done
    ids = dict(table.select("picture", "id").iter_rows())

    def code(name: str) -> bytes:
        return decode_latent((out / f"latents/{ids[name]}.pt").read_bytes(), name).tobytes()

    assert code("00042.png") == code("turned.png") == code("alpha.png")
    assert code("huge.jpg") != code("00042.png")


def test_a_second_run_does_nothing(done: tuple[Path, Path, pl.DataFrame], settings: Settings, tmp_path: Path) -> None:
    images, out, table = done
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file() and path.name != TABLE}
    again = invert(images, out, settings, read(["engine=serial"]))
    assert again.equals(table)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_picture_that_changed_is_done_again_alone(done: tuple[Path, Path, pl.DataFrame], settings: Settings) -> None:
    images, out, table = done
    id = dict(table.select("picture", "id").iter_rows())["palette.gif"]
    before = {path: path.stat().st_mtime_ns for path in (out / ".rows").iterdir()}
    (images / "palette.gif").write_bytes(encoded(Image.new("RGB", (99, 99)), "GIF"))
    again = invert(images, out, settings, read(["engine=serial"]))
    assert again.filter(pl.col("picture") == "palette.gif")["reason"][0].startswith("no_face")
    assert not (out / f"latents/{id}.pt").exists()
    changed = {path.stem for path, time in before.items() if path.stat().st_mtime_ns != time}
    assert changed == {id}


def test_the_folder_is_read_as_a_project_folder(done: tuple[Path, Path, pl.DataFrame], tmp_path: Path) -> None:
    _, out, table = done
    (tmp_path / "dataset_project").symlink_to(out)
    people = catalogue(tmp_path).reference
    there = table.filter(pl.col("reason").is_null())["id"].to_list()
    assert set(there) >= set(people.filter(pl.col("reason").is_null())["id"])
    assert len(people.filter(pl.col("reason").is_null())) >= 8
    assert people["ffhq_index"].drop_nulls().to_list() == ["00042"]


def test_pictures_in_a_zip_and_of_a_list(settings: Settings, strangers: Faces, tmp_path: Path) -> None:
    content = encoded(Image.fromarray(strangers.faces[2, 1].numpy()), "PNG")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("people/00007.png", content)
        archive.writestr("people/readme.md", "nothing")
    (tmp_path / "alone.png").write_bytes(content)
    (tmp_path / "some.txt").write_text("# mine\nalone.png\n\nabsent.png\n")
    zipped = invert(tmp_path / "all.zip", tmp_path / "a", settings, read(["engine=serial"]))
    assert zipped.select("picture", "id", "reason").rows() == [("all.zip!people/00007.png", "00007", None)]
    listed = invert(tmp_path / "some.txt", tmp_path / "b", settings, read(["engine=serial"]))
    assert listed["reason"][0] is None
    assert listed["reason"][1].startswith("unreadable: ")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="no pictures"):
        invert(tmp_path / "empty", tmp_path / "c", settings, read(["engine=serial"]))


def test_photographs_become_measured_maps(
    settings: Settings, strangers: Faces, studio_assets: Path, tmp_path: Path
) -> None:
    """The sequence of docs/own-images.md, of random codes: the studio makes heads of any."""
    images, told, people = (tmp_path / name for name in ("images", "told", "people"))
    flow = tmp_path / "checkpoints/styleflow_model"
    for folder in (images, told, flow):
        folder.mkdir(parents=True)
    (flow / "modellarge10k.pt").write_bytes(flow_file())
    (flow / "expression_direction.pt").write_bytes(direction_file())
    faces = strangers.faces[:3, 1].numpy()
    names, ids, ages = ("00007", "00008", "me"), ("00007", "00008", "70000"), (30.0, None, 31.0)
    for face, name, id, age in zip(faces, names, ids, ages, strict=True):
        (images / f"{name}.png").write_bytes(encoded(Image.fromarray(face), "PNG"))
        (told / f"{id}.json").write_text(json.dumps({"Gender": 1, "Age": age}))
    recorded = replace(settings, attributes="recorded", recorded=told)
    table = invert(images, people / "dataset_project", recorded, read(["engine=serial"]))
    assert table["reason"].to_list() == [None, None, None]

    (tmp_path / "dvc.yaml").touch()
    overrides = (
        f"source=folder source.url={people} source.topo_assets={studio_assets} source.checkpoints={flow.parent} "
        "checkpoints=data/archives/checkpoints normalise=published normalise.reach=null failures.max_share=0.5 "
        "generator.size=64 texture.size=64 engine=serial"
    ).split()
    with inside(tmp_path):
        assert [main([stage, *overrides]) for stage in ("pull", "index", "normalise", "measure")] == [0] * 4
    samples = pl.read_parquet(tmp_path / "data/samples.parquet").sort("person")
    assert samples["person"].to_list() == ["00007", "00008", "70000"]
    assert samples["ffhq_index"].to_list() == ["00007", "00008", None]
    assert samples["reason"].to_list() == [None, "attribute_unknown:age", None]
    assert samples["age"].to_list() == [30, None, 31]
    assert "light" in samples["edits"][0]
    assert "glasses" not in samples["edits"][0]  # nobody told of any: none
    measured = pl.read_parquet(tmp_path / "data/measurements.parquet").join(samples, on="id").sort("person")
    assert measured["bs_error"].is_finite().to_list() == [True, None, True]
    for id in samples["id"].gather([0, 2]):
        assert (tmp_path / f"data/ffhq-uv/uv-maps/000/{id}.png").exists()
