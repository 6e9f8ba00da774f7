"""PNG files from outside."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from ffhq_uv.archive.writing import encode_png
from ffhq_uv.formats.png import MAX_CHUNKS, PngError, read_png


def test_millions_of_empty_chunks_are_refused_at_once() -> None:
    content = encode_png(np.zeros((4, 4, 3), np.uint8))
    empty = struct.pack(">I", 0) + b"tEXt" + struct.pack(">I", zlib.crc32(b"tEXt"))
    with pytest.raises(PngError, match=f"refuses a PNG of more than {MAX_CHUNKS} chunks"):
        read_png(content[:33] + empty * 3_000_000 + content[33:], "x.png")
    assert read_png(content[:33] + empty * 3 + content[33:], "x.png").shape == (4, 4, 3)
