"""The tables of an archive: the same whatever it is packed in, with a reason for everything that is wrong."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ffhq_uv.archive import ArchiveError, Archives, catalogue, read_latents, read_uv_map, scan
from ffhq_uv.archive.manifest import manifest
from ffhq_uv.archive.scanning import recognise
from ffhq_uv.archive.writing import (
    encode_attributes,
    encode_latent,
    encode_ms_api,
    encode_png,
    encode_view_latent,
    normalised_attributes,
    write_bytes,
    write_face_latents,
    write_meta_info,
    write_uv_map,
    write_zip,
)
from ffhq_uv.geometry import VIEWS

IDS = ("000000", "000999", "001000")
MAP = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def codes_of(id: str, views: int = 3) -> np.ndarray:
    return np.random.default_rng(int(id)).normal(size=(views, 18, 512)).astype("f4")


def member(id: str, view: int) -> bytes:
    return encode_view_latent(codes_of(id)[view], normalised_attributes(1, 0.0, 30)[view])


def members(*ids: str) -> list[tuple[str, bytes]]:
    """The files of a data set's samples by their published names."""
    latents = [(f"{id}_{view}_latent.pt", member(id, at)) for id in ids for at, view in enumerate(VIEWS)]
    return [(f"{id}.png", encode_png(MAP)) for id in ids] + latents


def meta_info(*ids: str) -> dict[str, dict[str, object]]:
    return {id: {"Age": 30.0, "Beard": 0.5, "Gender": 1, "Index-in-FFHQ": int(id) or None} for id in ids}


def in_chunk_zips(root: Path, prefix: Callable[[str], str] = lambda id: "", folder: str = "dataset/ffhq-uv") -> None:
    for name, type in (("uv-maps", ".png"), ("face-latents", ".pt")):
        for chunk in ("000", "001"):
            content = [(name, data) for name, data in members(*IDS) if name.startswith(chunk) and name.endswith(type)]
            write_zip(root / folder / name / f"{chunk}.zip", [(prefix(n[:6]) + n, data) for n, data in content])
    write_meta_info(root / folder / "meta-info.json", meta_info(*IDS))


def in_folders(root: Path, place: Callable[[str], str]) -> None:
    for name, content in members(*IDS):
        part = "uv-maps" if name.endswith(".png") else "face-latents"
        write_bytes(root / "dataset/ffhq-uv" / part / place(name[:6]) / name, content)
    write_meta_info(root / "dataset/ffhq-uv/meta-info.json", meta_info(*IDS))


def in_names_of_2022(root: Path, maps_folder: str = "ffhq-uv") -> None:
    maps = [(name, data) for name, data in members(*IDS) if name.endswith(".png")]
    codes = [(name, data) for name, data in members(*IDS) if name.endswith(".pt")]
    write_zip(root / maps_folder / "000.zip", maps)
    write_zip(root / "ffhq-uv-face-latents/000.zip", codes)
    records = [(f"{id}.json", encode_attributes(record)) for id, record in meta_info(*IDS).items()]
    write_zip(root / "ffhq-uv-face-attributes/attributes_000_054.zip", records)


def deflated(root: Path) -> None:
    in_chunk_zips(root)
    for path in sorted(root.rglob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            content = [(name, archive.read(name)) for name in archive.namelist()]
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content:
                archive.writestr(name, data)


def by_our_own_writers(root: Path) -> None:
    folder = root / "dataset/ffhq-uv"
    for id in IDS:
        write_uv_map(folder, id, MAP)
        write_face_latents(folder, id, codes_of(id), normalised_attributes(1, 0.0, 30))
    write_meta_info(folder / "meta-info.json", meta_info(*IDS))


@pytest.mark.parametrize(
    "pack",
    [
        in_chunk_zips,
        lambda root: in_chunk_zips(root, lambda id: f"./some/prefix/{id}/"),
        lambda root: in_folders(root, lambda id: f"{id[:3]}/{id}"),
        lambda root: in_folders(root, lambda id: id),
        lambda root: in_folders(root, lambda id: ""),
        in_names_of_2022,
        lambda root: in_names_of_2022(root, "standard"),
        deflated,
        by_our_own_writers,
    ],
)
def test_every_container_gives_the_same_samples(tmp_path: Path, pack: Callable[[Path], None]) -> None:
    pack(tmp_path)
    table = catalogue(tmp_path).samples
    assert table.select("id", "ffhq_index", "gender", "age", "beard", "smile", "reason").rows() == [
        ("000000", None, 1, 30.0, 0.5, None, None),
        ("000999", "00999", 1, 30.0, 0.5, None, None),
        ("001000", "01000", 1, 30.0, 0.5, None, None),
    ]
    out = np.full((3, 3, 18, 512), np.nan, np.float32)
    assert list(read_latents(tmp_path, table, out)) == [(0, None), (1, None), (2, None)]
    np.testing.assert_array_equal(out, [codes_of(id) for id in IDS])
    with Archives(tmp_path) as archives:
        for location in table["uv_map"]:
            np.testing.assert_array_equal(read_uv_map(archives, location), MAP)


def test_the_project_gives_the_reference_and_without_a_data_set_the_samples(tmp_path: Path) -> None:
    project = tmp_path / "dataset_project"
    record = {"Age": 20.0, "Beard": 0.0, "Gender": 0, "Expression": 0.25}
    write_zip(
        project / "latents.zip",
        [(f"{id}.pt", encode_latent(codes_of(id, 1)[0])) for id in ("01223", "00007")],
    )
    write_zip(project / "attributes.zip", [(f"{id}.json", encode_attributes(record)) for id in ("00007", "01223")])
    expected = [(id, id, 0, 20.0, 0.0, 0.25, None, None) for id in ("00007", "01223")]
    columns = ("id", "ffhq_index", "gender", "age", "beard", "smile", "reason", "uv_map")
    found = catalogue(tmp_path)
    assert found.samples.is_empty()
    assert found.reference.select(columns).rows() == expected
    out = np.zeros((2, 1, 18, 512), np.float32)
    assert dict(read_latents(tmp_path, found.reference, out)) == {0: None, 1: None}
    np.testing.assert_array_equal(out, [codes_of(id, 1) for id in ("00007", "01223")])

    for at, view in enumerate(VIEWS):
        write_bytes(project / f"edit/01223/01223_{view}_latent.pt", member("01223", at))
    write_bytes(project / "unwrap_texture/01223/01223_final_uv.png", encode_png(MAP))
    write_bytes(project / "inversions/01223.png", encode_png(MAP))
    found = catalogue(tmp_path)
    assert found.samples.select(columns).rows() == [
        (*expected[1][:-1], "dataset_project/unwrap_texture/01223/01223_final_uv.png")
    ]
    assert found.reference.select(columns).rows() == expected
    in_chunk_zips(tmp_path)
    found = catalogue(tmp_path)
    assert found.samples["id"].to_list() == list(IDS)
    assert found.reference.select(columns).rows() == expected


def test_what_only_an_ffhq_image_tells_reaches_the_samples_made_from_it(tmp_path: Path) -> None:
    in_chunk_zips(tmp_path)
    project = tmp_path / "dataset_project"
    record = {"Age": 20.0, "Beard": 0.0, "Gender": 0}
    smiles = {"00999": 0.25, "00007": 1.0}
    write_zip(project / "latents.zip", [(f"{id}.pt", encode_latent(codes_of(id, 1)[0])) for id in ("00007", "00999")])
    write_zip(
        project / "attributes.zip",
        [(f"{id}.json", encode_attributes(record | {"Expression": smile})) for id, smile in smiles.items()],
    )

    def emotions(neutral: object) -> bytes:
        return encode_ms_api({"face_attributes": {"emotion": {"happiness": 0.5, "neutral": neutral}}})

    records = {"00007": emotions(0.0), "00999": emotions(0.75), "01000": emotions(None), "00001": emotions(1.5)}
    records |= {"00002": emotions(0.5)[:-40], "00003": encode_ms_api({})}
    write_zip(project / "attributes_ms_api.zip", [(f"{id}.pkl", data) for id, data in records.items()])
    found = catalogue(tmp_path)
    columns = ("id", "gender", "smile", "neutral", "reason")
    assert found.samples.select(columns).rows() == [
        ("000000", 1, None, None, None),
        ("000999", 1, 0.25, 0.75, None),
        ("001000", 1, None, None, None),
    ]
    assert found.reference.select(columns).rows() == [("00007", 0, 1.0, 0.0, None), ("00999", 0, 0.25, 0.75, None)]
    beyond, cut = found.unread
    assert beyond.endswith("attributes_ms_api.zip!00001.pkl: neutral is 1.5, expected a number from 0 to 1")
    assert "attributes_ms_api.zip!00002.pkl: " in cut


def replace(path: Path, name: str, change: Callable[[bytes], bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        content = [(member, archive.read(member)) for member in archive.namelist()]
    changed: Iterable[tuple[str, bytes | None]] = [
        (member, change(data) if member == name else data) for member, data in content
    ]
    write_zip(path, [(member, data) for member, data in changed if data is not None])


def test_each_wrong_sample_keeps_its_row_with_its_reason_and_the_others_are_fine(tmp_path: Path) -> None:
    folder = tmp_path / "dataset/ffhq-uv"
    ids = [f"{id:06d}" for id in range(9)]
    maps, codes = folder / "uv-maps/000.zip", folder / "face-latents/000.zip"
    write_zip(maps, [item for item in members(*ids) if item[0].endswith(".png")])
    write_zip(codes, [item for item in members(*ids) if item[0].endswith(".pt")])
    records = meta_info(*ids)
    del records["000001"]
    records["000002"]["Age"] = "old"
    write_meta_info(folder / "meta-info.json", records | meta_info("000042"))
    replace(codes, "000003_left_latent.pt", lambda data: None)
    bad = codes_of("000004")[1]
    bad[3, 7] = np.nan
    replace(codes, "000004_front_latent.pt", lambda data: encode_latent(bad))
    replace(codes, "000005_right_latent.pt", lambda data: data[:9000])
    replace(maps, "000006.png", lambda data: None)
    write_zip(folder / "uv-maps/007.zip", [("000007.png", encode_png(MAP[::-1]))])
    content = bytearray(codes.read_bytes())
    content[content.index(codes_of("000008")[2].tobytes()[:64]) + 5] ^= 1
    codes.write_bytes(content)

    table = catalogue(tmp_path).samples
    assert dict(zip(table["id"], table["reason"], strict=True)) == {
        **dict.fromkeys(("000000", "000004", "000005", "000006", "000008")),
        "000001": "missing_attributes",
        "000002": "attributes_unreadable: Age is 'old', expected a number from 0 to 150",
        "000003": "missing_view:left",
        "000007": "duplicate_id",
    }
    assert catalogue(tmp_path).not_here["samples"] == 1  # 000042, of which the table tells and nothing came
    assert table.filter(id="000006")["uv_map"].to_list() == [None]
    out = np.ones((len(table), 3, 18, 512), np.float32)
    reasons = dict(read_latents(tmp_path, table, out))
    assert {row: reason for row, reason in reasons.items() if reason is None} == {0: None, 6: None}
    assert reasons[3] == "missing_view:left"
    assert reasons[4] == "latent_nonfinite"
    assert str(reasons[5]).startswith("latent_unreadable:right: dataset/ffhq-uv/face-latents/000.zip!000005_right")
    assert str(reasons[8]).startswith("latent_unreadable:right: dataset/ffhq-uv/face-latents/000.zip: not a") or (
        "Bad CRC" in str(reasons[8])
    )
    assert [row for row in range(len(table)) if not out[row].any()] == [1, 2, 3, 4, 5, 7, 8]


def test_a_map_that_is_damaged_or_gone_is_an_archive_error(tmp_path: Path) -> None:
    write_zip(tmp_path / "000.zip", [("000001.png", encode_png(MAP)[:-9])])
    for location, message in (
        ("000.zip!000001.png", "truncated PNG"),
        ("000.zip!000002.png", "no such member"),
    ):
        with pytest.raises(ArchiveError, match=message):
            read_uv_map(tmp_path, location)


def test_an_empty_folder_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"expected dataset/ffhq-uv/ or dataset_project/"):
        catalogue(tmp_path)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("a/000.zip!x/000123.png", ("000123", None, "uv_map")),
        ("edit/01223/01223_left.png", ("01223", "left", "face")),
        ("inversions.zip!01223.png", ("01223", None, "inversion")),
        ("images/01223.png", ("01223", None, "image")),
        ("latents.zip!01223.pt", ("01223", None, "latent")),
        ("000/01223/01223_right_latent.pt", ("01223", "right", "latent")),
        ("attributes/01223.json", ("01223", None, "attributes")),
        ("01223.pkl", ("01223", None, "ms_api")),
        ("lights/01223.npy", ("01223", None, "lights")),
        ("unwrap_texture/01223/01223_final_uv.png", ("01223", None, "uv_map")),
        ("unwrap_texture/01223/01223_final_seg_result.png", ("01223", None, "seg_result")),
    ],
)
def test_published_names_are_recognised(location: str, expected: tuple[str, str | None, str]) -> None:
    found = recognise(location)
    assert found is not None
    assert (found.id, found.view, found.part) == expected


@pytest.mark.parametrize(
    "name", ["meta-info.json", "0001234.png", "1234.png", "01223_up.png", "x01223.pt", "01223.pth"]
)
def test_other_names_are_not(name: str) -> None:
    assert recognise(name) is None


def test_the_manifest_counts_and_sums_every_file(tmp_path: Path) -> None:
    in_chunk_zips(tmp_path)
    write_bytes(tmp_path / "topo_assets/hair_mask.png", b"abc")
    write_bytes(tmp_path / ".hidden.part", b"")
    entries = manifest(tmp_path).files
    assert [(entry.path, entry.kind, entry.samples) for entry in entries] == [
        ("dataset/ffhq-uv/face-latents/000.zip", "face-latents", 2),
        ("dataset/ffhq-uv/face-latents/001.zip", "face-latents", 1),
        ("dataset/ffhq-uv/meta-info.json", "meta-info.json", 3),
        ("dataset/ffhq-uv/uv-maps/000.zip", "uv-maps", 2),
        ("dataset/ffhq-uv/uv-maps/001.zip", "uv-maps", 1),
        ("topo_assets/hair_mask.png", "topo_assets", 0),
    ]
    assert (entries[-1].bytes, entries[-1].sha256) == (
        3,
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    )


def test_meta_info_is_sorted_json_with_a_record_a_line(tmp_path: Path) -> None:
    write_meta_info(tmp_path / "meta-info.json", dict(reversed(meta_info(*IDS).items())))
    lines = (tmp_path / "meta-info.json").read_text().splitlines()
    assert lines[1] == '    "000000": {"Age": 30.0, "Beard": 0.5, "Gender": 1, "Index-in-FFHQ": null},'
    assert json.loads("\n".join(lines)) == meta_info(*IDS)
    assert len(lines) == 5


def test_the_published_sample(example: Path) -> None:
    found = catalogue(example)
    columns = pl.all().exclude("latents", "uv_map")
    expected = [("01223", "01223", 0, 23.0, 0.0, 0.65, 0.35, None)]
    assert found.samples.select(columns).rows() == found.reference.select(columns).rows() == expected
    edited, inverted = np.zeros((1, 3, 18, 512), "f4"), np.zeros((1, 1, 18, 512), "f4")
    assert list(read_latents(example, found.samples, edited)) == [(0, None)]
    assert list(read_latents(example, found.reference, inverted)) == [(0, None)]
    left, front, right = edited[0].astype(np.float64)
    change = front - inverted[0, 0]
    for layers, norm in (
        ((0, 4), 4.761),
        ((4, 6), 3.942),
        ((6, 7), 1.300),
        ((7, 12), 2.628),
        ((12, 18), 1.300),
    ):
        np.testing.assert_allclose(np.linalg.norm(change[slice(*layers)], axis=1), norm, atol=6e-4)
    assert np.linalg.norm(left - front, axis=1)[:4] == pytest.approx([4.717] * 4, abs=6e-4)
    assert np.linalg.norm(right - front, axis=1)[:4] == pytest.approx([4.519] * 4, abs=6e-4)
    assert not (left - front)[4:].any()
    assert not (right - front)[4:].any()
    assert read_uv_map(example, found.samples["uv_map"][0]).shape == (1024, 1024, 3)
    assert {member.part for member in scan(example, "dataset_project")} == {
        *("latent", "face", "inversion", "attributes", "ms_api", "lights", "uv_map"),
        *("coeffs", "lm68_2d", "trans_params", "seg_result", "remap_masks"),
    }


def test_pictures_of_ffhq_uv_intrinsics_are_recognised_by_their_folder(tmp_path: Path) -> None:
    """Ubisoft's zips of about 370 samples each, six pictures in a sample's folder."""
    parts = ("ambient_occlusion", "diffuse", "normal", "specular", "translucency", "light_normalized")
    for number, ids in enumerate((("000000", "000002"), ("000739", "001110"))):
        content = [(f"{id}/{part}.png", encode_png(MAP)) for id in ids for part in parts]
        write_zip(tmp_path / f"Data/ffhq-uv-intrinsics-{number}.zip", content)
    found = list(scan(tmp_path))
    assert {(member.id, member.part) for member in found} == {
        (id, part) for id in ("000000", "000002", "000739", "001110") for part in parts
    }
    with Archives(tmp_path) as archives:
        np.testing.assert_array_equal(read_uv_map(archives, found[0].location), MAP)
    assert recognise("diffuse.png") is None
    assert recognise("00001/diffuse.png") is None


def test_codes_of_a_known_form_are_checked_to_the_last_byte(tmp_path: Path) -> None:
    """The second file of a form is read directly: whatever is wrong with it must be found all the same."""
    good, other = member("000000", 0), member("000001", 0)
    at = other.index(codes_of("000001")[0].tobytes())
    damaged = {
        "000001": other,
        "000002": other[: at + 100] + bytes([other[at + 100] ^ 1]) + other[at + 101 :],
        "000003": other.replace(b"little", b"bigbig"),
        "000004": other[:-1],
        "000005": other.replace(b"FloatStorage", b"BloatStorage"),
    }
    write_zip(
        tmp_path / "dataset/ffhq-uv/face-latents/000.zip",
        [(f"{id}_{view}_latent.pt", content) for id, content in {"000000": good, **damaged}.items() for view in VIEWS],
    )
    write_meta_info(tmp_path / "dataset/ffhq-uv/meta-info.json", meta_info("000000", *damaged))
    table = catalogue(tmp_path).samples
    out = np.empty((6, 3, 18, 512), np.float32)
    reasons = dict(read_latents(tmp_path, table, out))
    assert [reasons[row] for row in (0, 1)] == [None, None]
    np.testing.assert_array_equal(out[1], [codes_of("000001")[0]] * 3)
    assert all(str(reasons[row]).startswith("latent_unreadable:left") for row in (2, 3, 4, 5))
    assert not out[2:].any()
