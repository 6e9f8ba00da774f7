"""PNG files from outside."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from ffhq_uv.archive.writing import encode_png
from ffhq_uv.formats.png import MAX_CHUNKS, PngError, _plain, read_png


def test_millions_of_empty_chunks_are_refused_at_once() -> None:
    content = encode_png(np.zeros((4, 4, 3), np.uint8))
    empty = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    with pytest.raises(PngError, match=f"refuses a PNG of more than {MAX_CHUNKS} chunks"):
        read_png(content[:33] + empty * 3_000_000 + content[33:], "x.png")
    assert read_png(content[:33] + empty * 3 + content[33:], "x.png").shape == (4, 4, 3)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(rows: np.ndarray, *between: bytes) -> bytes:
    """A file of filtered rows uint8 [H, 1 + 3 W]; other chunks before its pixels."""
    height, width = len(rows), rows.shape[1] // 3
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    packed = zlib.compress(rows.tobytes())
    pixels = [chunk(b"IDAT", packed[: len(packed) // 2]), chunk(b"IDAT", packed[len(packed) // 2 :])]
    return b"".join([b"\x89PNG\r\n\x1a\n", header, *between, *pixels, chunk(b"IEND", b"")])


def by_opencv(content: bytes) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)


@given(st.integers(1, 80), st.integers(1, 20), st.sampled_from(["mixed", 0, 1, 2, 3, 4]), st.integers(0, 2**32 - 1))
def test_every_filter_is_undone_as_opencv_does(height: int, width: int, kind: str | int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 256, (height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 0] = rng.integers(0, 5, height) if kind == "mixed" else kind
    content = png(rows, chunk(b"pHYs", bytes(9)), chunk(b"tEXt", b"Title\0map"))
    assert _plain(content, width, height) is not None
    np.testing.assert_array_equal(read_png(content, "x.png"), by_opencv(content))


@settings(max_examples=300)
@given(st.integers(0, 1 << 16), st.integers(1, 255), st.booleans())
@example(6084, 1, True)  # cut before its last chunk
def test_a_damaged_file_is_never_read_as_it_is(place: int, change: int, cut: bool) -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (40, 1 + 3 * 16), dtype=np.uint8)
    rows[:, 0] = 4
    content = bytearray(png(rows))
    place = 8 + place % (len(content) - 8)
    content[place] ^= change
    damaged = bytes(content[:place] if cut else content)
    assert len(damaged) < 33 or _plain(damaged, 16, 40) is None
    with pytest.raises(PngError, match=r"x\.png"):
        read_png(damaged, "x.png")


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (np.full((40, 49), 5, np.uint8), "a filter that there is not"),
        (np.zeros((39, 49), np.uint8), "a row too few"),
        (np.zeros((41, 49), np.uint8), "a row too many"),
    ],
)
def test_rows_that_do_not_fit_are_not_read_here(rows: np.ndarray, why: str) -> None:
    assert _plain(png(rows).replace(png(rows)[8:33], png(np.zeros((40, 49), np.uint8))[8:33]), 16, 40) is None, why


def test_grey_and_transparent_pictures_are_read_too() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    content = cv2.imencode(".png", grey)[1].tobytes()
    np.testing.assert_array_equal(read_png(content, "grey.png"), np.repeat(grey[..., None], 3, 2))
    rgba = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    content = cv2.imencode(".png", rgba)[1].tobytes()
    np.testing.assert_array_equal(read_png(content, "rgba.png"), rgba[..., 2::-1])


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 70), st.integers(1, 50), st.sampled_from([1, 8, 256]), st.integers(0, 2**32))
def test_what_is_written_is_read_by_all(height: int, width: int, tones: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, tones, (height, width, 3), np.uint8)
    content = encode_png(picture)
    np.testing.assert_array_equal(read_png(content, "x.png"), picture)
    np.testing.assert_array_equal(by_opencv(content), picture)
    np.testing.assert_array_equal(np.array(Image.open(io.BytesIO(content))), picture)


def test_a_smooth_picture_is_no_larger_than_zlibs() -> None:
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.normal(128, 400, (256, 256, 3)), (0, 0), 4) + rng.normal(0, 2, (256, 256, 3))
    picture = picture.clip(0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_HUFFMAN_ONLY, cv2.IMWRITE_PNG_FILTER]
    zlibs = cv2.imencode(".png", picture, [*options, cv2.IMWRITE_PNG_FILTER_PAETH])[1]
    assert len(encode_png(picture)) < 1.005 * len(zlibs)


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_what_is_no_picture_is_not_written(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a PNG needs uint8 \[H, W, 3\], not uint8"):
        encode_png(np.zeros(shape, np.uint8))
