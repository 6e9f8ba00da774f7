"""PNG files from outside: no other format, no bombs, nothing truncated; and our own. All rooms read and write here."""

from __future__ import annotations

import io
import itertools
import struct
import warnings
from collections.abc import Iterator

import cv2
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray
from PIL import Image
from zlib_ng import zlib_ng

from ffhq_uv.formats.looks import looks_like

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\0\0\0\0IEND\xaeB`\x82"
MAX_PIXELS = 4096 * 4096
"""Largest picture that is decoded; the published ones have 1024 x 1024."""


MAX_CHUNKS = 16_384
"""Most chunks, since every one takes time. Libraries write chunks of 8 kB and more: 6,000 for the largest picture."""

_PLAIN_RGB = bytes([8, 2, 0, 0, 0])
"""Depth, colour type, compression, filter method and no interlacing, as a header gives them."""
_WITHOUT_INFLUENCE = frozenset([b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"tEXt", b"tIME"])
"""Chunks that tell of a picture and change none of its bytes."""


class PngError(ValueError):
    """A picture is damaged, too large, or no PNG."""


def read_png(data: bytes, name: str) -> NDArray[np.uint8]:
    """The RGB pixels uint8 [H, W, 3] of a PNG with 8 bits a channel; grey is repeated, alpha dropped.

    The header's size is checked before anything is decoded, and every chunk's CRC. What is written as maps and faces
    are is decoded here, three times as fast as by OpenCV; whatever is else, or in doubt, Pillow checks and OpenCV
    decodes: unlike Pillow, it refuses pixels that end too early.
    Raises PngError, with ``name`` and the reason.
    """
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise PngError(f"{name}: no PNG file, but {looks_like(data[:512]) or 'something else'}")
    width, height, depth = struct.unpack(">IIB", data[16:25])
    if not 0 < width * height <= MAX_PIXELS or depth > 8:
        raise PngError(f"{name}: refuses {width} x {height} pixels of {depth} bits (at most {MAX_PIXELS}, 8 bits)")
    if _chunk_count(data) > MAX_CHUNKS:
        raise PngError(f"{name}: refuses a PNG of more than {MAX_CHUNKS} chunks")
    if not data.endswith(_END):  # Pillow does not look at the last chunk
        raise PngError(f"{name}: truncated PNG")
    pixels = _plain(data, width, height)
    return _any(data, name, width, height) if pixels is None else pixels


def _plain(data: bytes, width: int, height: int) -> NDArray[np.uint8] | None:
    """The pixels of a faultless RGB picture without interlacing or transparency; None for every other."""
    packed = _pixel_data(data)
    if packed is None:
        return None
    length = height * (1 + 3 * width)
    stream = isal_zlib.decompressobj()
    try:
        unpacked = stream.decompress(packed, length + 1)
    except isal_zlib.error:  # type: ignore[misc]  # its stubs declare a variable
        return None
    if not stream.eof or stream.unused_data or len(unpacked) != length:
        return None
    from ffhq_uv.formats.unfilter import unfilter  # numba, which nobody waits for who reads no picture

    pixels = np.empty((height, 3 * width), np.uint8)
    known = unfilter(np.frombuffer(unpacked, np.uint8).reshape(height, -1), pixels)
    return pixels.reshape(height, width, 3) if known else None


def _pixel_data(data: bytes) -> bytes | None:
    """The compressed rows of a plain RGB picture; None for another, or one with any fault in its chunks."""
    if data[8:12] != b"\0\0\0\x0d" or data[24:29] != _PLAIN_RGB:
        return None
    view, parts, ended = memoryview(data), list[memoryview](), False
    for at, length in _chunks(data):
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if end + 4 > len(data) or isal_zlib.crc32(view[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            return None
        if kind == b"IDAT":
            if ended:
                return None
            parts.append(view[at + 8 : end])
        elif kind in _WITHOUT_INFLUENCE:
            ended = bool(parts)
        elif kind != (b"IHDR" if at == 8 else b"IEND" if end + 4 == len(data) else None):
            return None
    return b"".join(parts) if data.endswith(_END) else None


def _any(data: bytes, name: str, width: int, height: int) -> NDArray[np.uint8]:
    """The pixels of any PNG of this size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            image = Image.open(io.BytesIO(data), formats=["PNG"])
            if image.get_format_mimetype() != "image/png":
                raise PngError("an animation")
            image.verify()
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION)
    except Exception as error:
        raise PngError(f"{name}: damaged PNG ({error})") from error
    if pixels is None or pixels.shape != (height, width, 3):
        raise PngError(f"{name}: damaged PNG (its pixels cannot be decoded)")
    return np.asarray(pixels, np.uint8)


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each chunk begins, and the length of what it holds."""
    at = 8
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        yield at, length
        at += 12 + length


def _chunk_count(data: bytes) -> int:
    """How many chunks there are, counted up to `MAX_CHUNKS` and one."""
    return sum(1 for _ in itertools.islice(_chunks(data), MAX_CHUNKS + 1))


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """An 8-bit RGB image [H, W, 3] as PNG.

    Paeth's filter and Huffman codes alone: on UV maps 4 % smaller than Pillow's default, and written far faster. ISA-L
    is as fast, and its files are 16 % larger.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"a PNG needs uint8 [H, W, 3], not {image.dtype} {list(image.shape)}")
    from ffhq_uv.formats.unfilter import filter_paeth  # numba, see `_plain`

    height, width = image.shape[:2]
    rows = filter_paeth(np.ascontiguousarray(image).reshape(height, 3 * width))
    header = struct.pack(">II", width, height) + _PLAIN_RGB
    packer = zlib_ng.compressobj(1, memLevel=9, strategy=zlib_ng.Z_HUFFMAN_ONLY)
    packed = packer.compress(rows.data) + packer.flush()
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _END


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = isal_zlib.crc32(content, isal_zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
