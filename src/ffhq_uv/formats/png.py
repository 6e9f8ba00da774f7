"""PNG files from outside: no other format, no bombs, nothing truncated. All rooms read pictures here."""

from __future__ import annotations

import io
import struct
import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ffhq_uv.formats.looks import looks_like

_END = b"\0\0\0\0IEND\xaeB`\x82"
MAX_PIXELS = 4096 * 4096
"""Largest picture that is decoded; the published ones have 1024 x 1024."""


MAX_CHUNKS = 16_384
"""Most chunks, since every one takes time. Libraries write chunks of 8 kB and more: 6,000 for the largest picture."""


class PngError(ValueError):
    """A picture is damaged, too large, or no PNG."""


def read_png(data: bytes, name: str) -> NDArray[np.uint8]:
    """The RGB pixels uint8 [H, W, 3] of a PNG with 8 bits a channel; grey is repeated, alpha dropped.

    The header's size is checked before anything is decoded, every chunk's CRC by Pillow. OpenCV decodes: a fifth
    faster, and, unlike Pillow, it refuses pixels that end too early.
    Raises PngError, with ``name`` and the reason.
    """
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        raise PngError(f"{name}: no PNG file, but {looks_like(data[:512]) or 'something else'}")
    width, height, depth = struct.unpack(">IIB", data[16:25])
    if not 0 < width * height <= MAX_PIXELS or depth > 8:
        raise PngError(f"{name}: refuses {width} x {height} pixels of {depth} bits (at most {MAX_PIXELS}, 8 bits)")
    if _chunks(data) > MAX_CHUNKS:
        raise PngError(f"{name}: refuses a PNG of more than {MAX_CHUNKS} chunks")
    if not data.endswith(_END):  # Pillow does not look at the last chunk
        raise PngError(f"{name}: truncated PNG")
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


def _chunks(data: bytes) -> int:
    """How many chunks there are, counted up to `MAX_CHUNKS` and one."""
    at, count = 8, 0
    while at + 8 <= len(data) and count <= MAX_CHUNKS:
        at += 12 + int.from_bytes(data[at : at + 4], "big")
        count += 1
    return count
