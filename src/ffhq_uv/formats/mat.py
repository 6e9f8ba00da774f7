"""MATLAB files (v5 to v7): numeric arrays by name, within bounds. All rooms read ``.mat`` here.

SciPy reads them, too, but unpacks without a bound: 3 MB become gigabytes. Only what the published files hold is read:
full real arrays of numbers. Layout: MathWorks, "MAT-File Format", Level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 2 << 30
"""Most bytes that a file's variables take unpacked; the published head model takes 0.4 GB."""
MAX_RATIO = 200
"""Most bytes unpacked for each byte of the file, above one MiB; published ones have up to ten."""
HEADER = 128

_COMPRESSED, _MATRIX, _INT8, _INT32, _UINT32 = 15, 14, 1, 5, 6
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""How numbers are stored, by data type."""
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
"""What numbers are, by array class; text, cells, structures and sparse arrays have others."""


class MatError(ValueError):
    """A file is damaged, too large when unpacked, or no MATLAB file."""


def read_mat(path: Path, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """The numeric arrays of these names that a file has, each of two or more axes, little-endian.

    Raises MatError with the reason, without the path; OSError where the file cannot be read.
    """
    data = path.read_bytes()
    if len(data) < HEADER or data[:4].count(0) or data[124:128] not in (b"\x00\x01IM", b"\x00\x01MI"):
        raise MatError("no MATLAB file of version 5 to 7")
    if data[126:128] != b"IM":
        raise MatError("refuses numbers that are not little-endian")
    most = min(MAX_BYTES, max(1 << 20, MAX_RATIO * len(data)))
    found: dict[str, NDArray[Any]] = {}
    for kind, content in _elements(memoryview(data), HEADER):
        if kind == _COMPRESSED:
            unpacked = _unpacked(content, most)
            most -= len(unpacked)
            (kind, content), *_ = _elements(memoryview(unpacked), 0)
        if kind == _MATRIX:
            found |= _array(content, names)
    return found


def _unpacked(packed: memoryview, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise MatError(f"damaged ({error})") from None
    if len(content) > most:
        raise MatError(f"refuses variables of more than {most} bytes unpacked")
    if not unpacking.eof:
        raise MatError("damaged (a variable is cut short)")
    return content


def _elements(data: memoryview, at: int) -> Iterator[tuple[int, memoryview]]:
    """Type and content of each element; small ones have both in eight bytes."""
    while at < len(data):
        if at + 8 > len(data):
            raise MatError("damaged (cut short)")
        kind, size = struct.unpack_from("<2I", data, at)
        if small := kind >> 16:
            if small > 4:
                raise MatError("damaged (a small element of more than four bytes)")
            yield kind & 0xFFFF, data[at + 4 : at + 4 + small]
            at += 8
            continue
        if at + 8 + size > len(data):
            raise MatError("damaged (cut short)")
        yield kind, data[at + 8 : at + 8 + size]
        at += 8 + size if kind == _COMPRESSED else 8 + -(-size // 8) * 8


def _array(content: memoryview, names: Collection[str]) -> dict[str, NDArray[Any]]:
    """A variable by its name, if it is asked for. Raises MatError for one that is, and is no array of numbers."""
    elements = _elements(content, 0)
    head = list(islice(elements, 3))
    if len(head) < 3:
        raise MatError("damaged (a variable without a name)")
    (flag_type, flags), (shape_type, shape), (name_type, named) = head
    if (flag_type, shape_type, name_type) != (_UINT32, _INT32, _INT8) or len(flags) != 8 or len(shape) % 4:
        return {}  # what MATLAB writes beside variables
    name = bytes(named).decode("latin-1")
    if name not in names:
        return {}
    word = struct.unpack_from("<I", flags)[0]
    sizes = struct.unpack(f"<{len(shape) // 4}i", shape)
    kind, numbers = next(elements, (0, memoryview(b"")))
    if word & 0xFF not in _CLASSES or word & 0x800 or kind not in _NUMBERS:
        raise MatError(f"no numeric array {name!r}, but something else of that name")
    stored = np.dtype(f"<{_NUMBERS[kind]}")
    if not 2 <= len(sizes) <= 8 or min(sizes) < 0 or math.prod(sizes) * stored.itemsize != len(numbers):
        raise MatError(f"damaged ({name!r} has {len(numbers)} bytes for {sizes} x {stored})")
    array = np.frombuffer(numbers, stored).astype(f"<{_CLASSES[word & 0xFF]}")
    return {name: array.reshape(sizes, order="F")}
