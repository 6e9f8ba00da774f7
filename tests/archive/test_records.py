"""Attributes, meta-info, lights, codes and pictures that are damaged, hostile or merely odd."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from ffhq_uv.archive.attributes import Attributes, decode_attributes, decode_meta_info
from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.archive.writing import encode_latent, encode_light, encode_png
from ffhq_uv.formats.png import PngError, read_png

FINE = {"Age": 23.0, "Beard": 0.25, "Gender": 1}


def test_meta_info_takes_the_index_as_a_number_a_text_or_null() -> None:
    content = {f"{id:06d}": FINE | {"Index-in-FFHQ": index} for id, index in enumerate([None, 1223, "01223"])}
    assert decode_meta_info(json.dumps(content).encode(), "meta-info.json") == {
        "000000": Attributes(1, 23.0, 0.25, None, None),
        "000001": Attributes(1, 23.0, 0.25, None, "01223"),
        "000002": Attributes(1, 23.0, 0.25, None, "01223"),
    }


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Age": "23"}, "Age is '23', expected a number from 0 to 150"),
        ({"Age": float("nan")}, "Age is nan"),
        ({"Age": float("inf")}, "Age is inf"),
        ({"Beard": 1.5}, "Beard is 1.5, expected a number from 0 to 1"),
        ({"Beard": True}, "Beard is True"),
        ({"Gender": 2}, "Gender is 2"),
        ({"Gender": 0.5}, "Gender is 0.5"),
        ({"Gender": "woman"}, "Gender is 'woman'"),
        ({"Gender": True}, "Gender is True"),
        ({"Index-in-FFHQ": 15315.5}, "Index-in-FFHQ is 15315.5"),
        ({"Index-in-FFHQ": 70000}, "Index-in-FFHQ is 70000"),
        ({"Index-in-FFHQ": "٣"}, "Index-in-FFHQ is '٣'"),
    ],
)
def test_a_record_out_of_range_is_that_samples_reason(change: dict[str, object], reason: str) -> None:
    table = decode_meta_info(json.dumps({"000001": FINE | change, "000002": FINE}).encode(), "meta-info.json")
    assert str(table["000001"]).startswith(f"attributes_unreadable: {reason}")
    assert isinstance(table["000002"], Attributes)
    with pytest.raises(ArchiveError, match=reason.split(",")[0]):
        decode_attributes(json.dumps(FINE | change).encode(), "01223.json")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Index-in-FFHQ": 15315.0}, {"ffhq_index": "15315"}),
        ({"Gender": 1.0}, {"gender": 1}),
        ({"Gender": "male"}, {"gender": 1}),
        ({"Gender": "Female"}, {"gender": 0}),
        ({"Gender": None, "Age": None}, {"gender": None, "age": None}),
        ({"Race": 3, "Expression": None}, {"smile": None}),
    ],
)
def test_what_people_write_is_what_it_says(change: dict[str, object], expected: dict[str, object]) -> None:
    record = decode_attributes(json.dumps(FINE | change).encode(), "01223.json", ignored := Counter[str]())
    assert record == replace(Attributes(1, 23.0, 0.25, None, None), **expected)
    assert ignored == ({"Race": 1} if "Race" in change else {})


def test_attributes_that_are_missing_are_unknown_and_no_fault() -> None:
    assert decode_attributes(b"{}", "01223.json") == Attributes(None, None, None, None, None)


def test_an_id_given_twice_is_a_duplicate_not_the_last_one() -> None:
    record = json.dumps(FINE)
    content = f'{{"000001": {record}, "000002": {record}, "000001": {record}}}'
    table = decode_meta_info(content.encode(), "meta-info.json")
    assert table["000001"] == "duplicate_id"
    assert isinstance(table["000002"], Attributes)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b'{"000001": {"Age": 2',
        b"[" * 1_000_000,
        b'{"000001":' * 100_000,
        b"[1, 2]",
        b"9" * 100_000,
        b'{"../../x": {}}',
    ],
)
def test_what_is_no_meta_info_is_named(content: bytes) -> None:
    with pytest.raises(ArchiveError, match=r"meta-info\.json: "):
        decode_meta_info(content, "meta-info.json")


def test_light_is_checked_by_its_header_before_it_is_read() -> None:
    def header(shape: str, descr: str = "<f4", version: bytes = b"\x01\x00") -> bytes:
        text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
        return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text

    pickled = io.BytesIO()
    np.save(pickled, np.array([[[[None]]]] * 9, object).reshape(1, 9, 1, 1), allow_pickle=True)
    tracemalloc.start()
    for content in (
        header("(1099511627776,)") + bytes(36),
        header("(1, 9, 1, 1)", "|O") + bytes(36),
        header("(1, 9, 1, 1)", ">f4") + bytes(36),
        header("(1, 9, 1, 1)") + bytes(35),
        header("(1, 9, 1, 1)") + bytes(37),
        header("(1, 9, 1, 1)", version=b"\x07\x00") + bytes(36),
        header("__import__('os')") + bytes(36),
        pickled.getvalue(),
        encode_light(np.zeros(9, "f4"))[:90],
        b"",
    ):
        with pytest.raises(ArchiveError, match=r"01223\.npy"):
            decode_light(content, "01223.npy")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def saved(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def test_codes_are_taken_in_their_forms_and_no_other() -> None:
    code = torch.randn(18, 512, generator=torch.Generator().manual_seed(0))
    for value in (code, code[None], {"latent": code[None], "attribute": torch.zeros(1, 17, 1, 1)}):
        np.testing.assert_array_equal(decode_latent(saved(value), "x.pt"), code.numpy())
    for value in ({"w": code, "x": code[:3]}, code.double(), code[None].half()):
        np.testing.assert_allclose(decode_latent(saved(value), "x.pt"), code.numpy(), atol=2e-3)
    for value in (code.T.contiguous(), [code], 5, torch.zeros(14, 512), {"a": code, "b": code}):
        with pytest.raises(ArchiveError, match=r"x\.pt: "):
            decode_latent(saved(value), "x.pt")
    with pytest.raises(ArchiveError, match=r"x\.pt: not a readable torch file"):
        decode_latent(encode_latent(code.numpy())[:5000], "x.pt")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(*sizes: tuple[int, int], depth: int = 8, rows: bytes = b"") -> bytes:
    headers = b"".join(chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, 2, 0, 0, 0)) for size in sizes)
    return b"\x89PNG\r\n\x1a\n" + headers + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_a_png_bomb_stops_at_its_header() -> None:
    assert read_png(png((2, 1), rows=b"\0abcdef"), "x").shape == (1, 2, 3)
    tracemalloc.start()
    for content in (png((100_000, 100_000)), png((0, 4)), png((2, 2), depth=16)):
        with pytest.raises(PngError, match=r"000001\.png: refuses"):
            read_png(content, "000001.png")
    with pytest.raises(PngError, match=r"000001\.png: damaged PNG"):
        read_png(png((2, 1), (4096, 4096), rows=bytes(4096)), "000001.png")
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


def test_pixels_that_end_too_early_and_animations_are_refused() -> None:
    for rows in (b"\0" + bytes(6), b"\0" + bytes(6) + b"\0"):
        with pytest.raises(PngError, match="x: damaged PNG"):
            read_png(png((2, 2), rows=rows), "x")
    buffer = io.BytesIO()
    Image.new("RGB", (2, 2)).save(buffer, "PNG", save_all=True, append_images=[Image.new("RGB", (2, 2), (9, 9, 9))])
    with pytest.raises(PngError, match="an animation"):
        read_png(buffer.getvalue(), "x")


def test_every_truncation_and_every_flipped_byte_is_noticed() -> None:
    image = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    content = encode_png(image)
    for end in range(len(content)):
        with pytest.raises(PngError, match=r"^x: "):
            read_png(content[:end], "x")
    with pytest.raises(PngError, match="x: truncated PNG"):
        read_png(content[:-40], "x")
    for at in range(len(content)):
        damaged = bytearray(content)
        damaged[at] ^= 0x10
        with pytest.raises(PngError, match=r"^x: "):
            read_png(bytes(damaged), "x")


def test_other_formats_are_refused_alpha_dropped_and_grey_repeated() -> None:
    def encoded(mode: str, type: str = "PNG") -> bytes:
        buffer = io.BytesIO()
        Image.new(mode, (2, 2), {"RGBA": (1, 2, 3, 0), "L": 7, "RGB": (1, 2, 3)}[mode]).save(buffer, type)
        return buffer.getvalue()

    assert read_png(encoded("RGBA"), "x")[0, 0].tolist() == [1, 2, 3]
    assert read_png(encoded("L"), "x")[0, 0].tolist() == [7, 7, 7]
    with pytest.raises(PngError, match="no PNG"):
        read_png(encoded("RGB", "JPEG"), "x")


def test_a_json_bomb_is_counted_before_it_is_read() -> None:
    bomb = b'{"000001": [' + b"{}," * 3_000_000 + b"{}]}"
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"meta-info\.json: refuses 6000003 values"):
        decode_meta_info(bomb, "meta-info.json")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
