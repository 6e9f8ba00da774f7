"""The forms in which people have the archives: each gives the same samples, and nothing is passed over in silence."""

from __future__ import annotations

import io
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.archive.test_catalogue import IDS, in_chunk_zips, members

from ffhq_uv.archive import ArchiveError, catalogue
from ffhq_uv.archive.limits import PUBLISHED
from ffhq_uv.archive.manifest import manifest
from ffhq_uv.archive.unpacking import unpack_folders
from ffhq_uv.archive.wanted import in_parts, in_samples

LATENTS = "dataset/ffhq-uv/face-latents"


def tar_of(path: Path, content: dict[str, bytes], link: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, data in content.items():
            (info := tarfile.TarInfo(name)).size = len(data)
            archive.addfile(info, io.BytesIO(data))
        if link:
            (info := tarfile.TarInfo(link)).type = tarfile.SYMTYPE
            info.linkname = "/etc/passwd"
            archive.addfile(info)


def split(path: Path, names: Callable[[int], str], pieces: int = 3) -> None:
    content = path.read_bytes()
    step = len(content) // pieces + 1
    for number in range(pieces):
        path.with_name(path.name + names(number)).write_bytes(content[number * step : (number + 1) * step])
    path.unlink()


def as_tar(root: Path) -> None:
    shutil.rmtree(root / LATENTS)
    tar_of(
        root / f"{LATENTS}.tar", {f"./{name[:3]}/{name}": data for name, data in members(*IDS) if name.endswith("pt")}
    )


def numbered(root: Path) -> None:
    split(root / LATENTS / "000.zip", lambda number: f".{number + 1:03d}")


def in_parts_of_letters(root: Path) -> None:
    as_tar(root)
    split(root / f"{LATENTS}.tar", lambda number: f".part-a{'abc'[number]}")


def zip_of_zips(root: Path) -> None:
    with zipfile.ZipFile(root / f"{LATENTS}.zip", "w") as outer:
        for path in sorted((root / LATENTS).iterdir()):
            outer.write(path, f"face-latents/{path.name}")
    shutil.rmtree(root / LATENTS)


def other_case(root: Path) -> None:
    for path in sorted((root / LATENTS).iterdir()):
        with zipfile.ZipFile(path) as archive:
            content = {name: archive.read(name) for name in archive.namelist()}
        path.unlink()
        with zipfile.ZipFile(path.with_suffix(".ZIP"), "w") as archive:
            for name, data in content.items():
                archive.writestr(name.replace("_latent.pt", "_Latent.PT"), data)


def one_archive_of_the_data_set(root: Path) -> None:
    with zipfile.ZipFile(root / "dataset/ffhq-uv.zip", "w") as outer:
        for path in sorted((root / "dataset/ffhq-uv").rglob("*")):
            if path.is_file():
                outer.write(path, path.relative_to(root / "dataset").as_posix())
    shutil.rmtree(root / "dataset/ffhq-uv")


def with_a_browsers_copy(root: Path) -> None:
    shutil.copyfile(root / LATENTS / "000.zip", root / LATENTS / "000 (1).zip")


def with_a_macs_notes(root: Path) -> None:
    with zipfile.ZipFile(root / LATENTS / "000.zip", "a") as archive:
        archive.writestr("__MACOSX/._000000_left_latent.pt", b"notes")
        archive.writestr("._000000_left_latent.pt", b"notes")
    (root / LATENTS / "._000.zip").write_bytes(b"notes")


@pytest.mark.parametrize(
    "form",
    [
        as_tar,
        numbered,
        in_parts_of_letters,
        zip_of_zips,
        other_case,
        one_archive_of_the_data_set,
        with_a_browsers_copy,
        with_a_macs_notes,
    ],
)
def test_every_form_gives_the_same_samples(tmp_path: Path, form: Callable[[Path], None]) -> None:
    in_chunk_zips(tmp_path)
    plain = catalogue(tmp_path).samples
    form(tmp_path)
    found = catalogue(tmp_path)
    columns = ["id", "gender", "age", "reason"]
    assert found.samples.select(columns).rows() == plain.select(columns).rows()
    assert found.samples["reason"].null_count() == len(IDS)
    assert manifest(tmp_path).samples[LATENTS] == len(IDS)
    assert set(found.passed_over.values()) <= {"the same as 000.zip"}


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("002.zip.baiduyun.p.downloading", b"PK", "an unfinished download"),
        ("002.zip.crdownload", b"PK", "an unfinished download"),
        ("002.rar", b"Rar!", "unrar x 002.rar"),
        ("002.7z", b"7z", "7z x 002.7z"),
        ("002.tar.gz", b"\x1f\x8b", "tar xf 002.tar.gz"),
        ("002.z01", b"", "zip -s 0"),
        ("notes.txt", b"mine", "no published name"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    in_chunk_zips(tmp_path)
    (tmp_path / LATENTS / name).write_bytes(content)
    for passed_over in (catalogue(tmp_path).passed_over, manifest(tmp_path).passed_over):
        assert why in passed_over[f"{LATENTS}/{name}"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"<!DOCTYPE html><html>", "a web page, not the file"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
        (b"", "an empty file"),
        (bytes(5000), "nothing but zeros"),
    ],
)
def test_what_went_wrong_on_the_way_is_said_of_any_published_file(tmp_path: Path, content: bytes, why: str) -> None:
    in_chunk_zips(tmp_path)
    (tmp_path / "topo_assets").mkdir()
    (tmp_path / "topo_assets/hifi3dpp_model_info.mat").write_bytes(content)
    assert why in manifest(tmp_path).passed_over["topo_assets/hifi3dpp_model_info.mat"]
    (tmp_path / LATENTS / "000.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match=why):
        catalogue(tmp_path)


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    in_chunk_zips(tmp_path)
    numbered(tmp_path)
    (tmp_path / LATENTS / "000.zip.002").unlink()
    with pytest.raises(ArchiveError, match=r"000\.zip: part 2 of it is missing"):
        catalogue(tmp_path)


def test_a_hostile_or_torn_tar_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"{LATENTS}.tar"
    tar_of(path, {"000000_left_latent.pt": b"x"}, link="000001_left_latent.pt")
    with pytest.raises(ArchiveError, match="refuses the link"):
        catalogue(tmp_path)
    tar_of(path, {"../000000_left_latent.pt": b"x"})
    with pytest.raises(ArchiveError, match="refuses the member name"):
        catalogue(tmp_path)
    tar_of(path, {f"{id:06d}_left_latent.pt": bytes(2000) for id in range(20)})
    for share in (0.3, 0.5):
        path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        with pytest.raises(ArchiveError, match="is it cut short"):
            catalogue(tmp_path)


def test_the_folders_that_are_needed_as_files_are_unpacked(tmp_path: Path) -> None:
    tar_of(tmp_path / "topo_assets.tar", {"topo_assets/hair_mask.png": b"mask"})
    split(tmp_path / "topo_assets.tar", lambda number: f".{number:02d}")
    with zipfile.ZipFile(tmp_path / "checkpoints.zip", "w") as archive:
        archive.writestr("dlib_model/x.dat", b"net")
    unpack_folders(tmp_path, PUBLISHED)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()} == {
        "topo_assets/hair_mask.png",
        "checkpoints/dlib_model/x.dat",
    }


def test_what_did_not_come_is_absent_and_counted_once(tmp_path: Path) -> None:
    in_chunk_zips(tmp_path)
    (tmp_path / LATENTS / "000.zip").unlink()
    found = catalogue(tmp_path)
    assert (found.samples["id"].to_list(), found.not_here["samples"]) == (["001000"], 2)
    assert found.samples["reason"].to_list() == [None]
    (tmp_path / "dataset/ffhq-uv/meta-info.json").unlink()
    alone = catalogue(tmp_path).samples
    assert alone.select("reason", "age", "gender").rows() == [(None, None, None)]


@pytest.mark.parametrize(
    ("path", "parts", "inside"),
    [
        ("dataset/ffhq-uv/uv-maps/000.zip", ["dataset"], True),
        ("dataset/ffhq-uv/uv-maps/000.zip", ["dataset/ffhq-uv/face-latents"], False),
        ("dataset_project/latents.zip", ["dataset_project/latents"], True),
        ("dataset_project.tar.001", ["dataset_project/latents"], True),
        ("dataset_project/latents.zip", ["dataset"], False),
    ],
)
def test_parts(path: str, parts: list[str], inside: bool) -> None:
    assert in_parts(path, parts) is inside


@pytest.mark.parametrize(
    ("path", "samples", "inside"),
    [
        ("dataset/ffhq-uv/uv-maps/000.zip", 1000, True),
        ("dataset/ffhq-uv/uv-maps/001.zip", 1000, False),
        ("dataset/ffhq-uv/uv-maps/001.zip.002", 1001, True),
        ("dataset/ffhq-uv/face-latents/003/003007/003007_left_latent.pt", ["003999"], True),
        ("dataset/ffhq-uv/face-latents/003007/003007_left_latent.pt", ["003999"], False),
        ("dataset/ffhq-uv/meta-info.json", 1, True),
        ("dataset_project/latents.zip", 1, True),
        ("ffhq-uv-face-latents/054.zip", ["000001"], False),
    ],
)
def test_samples(path: str, samples: int | list[str], inside: bool) -> None:
    assert in_samples(path, samples) is inside
