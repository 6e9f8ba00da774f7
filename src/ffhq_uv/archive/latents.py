"""W+ codes: ``latents/<id>.pt`` and ``<id>_<view>_latent.pt``, the average latent already added."""

from __future__ import annotations

import contextlib
import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.codes import decode_codes, read_value
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.formats.zips import Zip, ZipError

LAYERS, WIDTH = 18, 512


def decode_latent(data: bytes, name: str) -> NDArray[np.float32]:
    """One W+ code float32 [18, 512], which may hold NaN or infinity; a code of W is repeated for every layer.

    Published is a bare tensor (1, 18, 512), or a dict that holds one as ``latent``; `archive.codes` reads other forms,
    too. Raises ArchiveError.
    """
    codes = decode_codes(data, name)
    if codes.shape[:2] != (1, 1) or codes.shape[2] not in (1, LAYERS):
        raise ArchiveError(f"{name}: W+ codes of shape {list(codes.shape)}, expected [1, {LAYERS}, {WIDTH}]")
    return np.broadcast_to(codes[0, 0], (LAYERS, WIDTH))


class LatentReader:
    """Reads many codes: one carefully, and directly those whose files differ from it in their numbers only.

    A torch file of 38 kB is nine tenths numbers; the rest (headers, names, the pickle, the directory) is the same in
    every file that one version of torch wrote. What a careful reading found out about the one is then true of the
    other: five times as fast, with every byte still checked, either against that file or by the CRC of its record.
    """

    def __init__(self, archives: Archives) -> None:
        self.archives = archives
        self._forms: dict[int, _Form] = {}

    def read(self, location: str) -> NDArray[np.float32]:
        """The W+ code float32 [18, 512] at a location, not to be written to. As `decode_latent`; raises
        ArchiveError."""
        if self._forms and (found := self.archives.stored(location)):
            start, length, piece = found
            form = self._forms.get(length)
            if form and form.fits(piece, start):
                return np.frombuffer(piece, "<f4", LAYERS * WIDTH, start + form.code).reshape(LAYERS, WIDTH)
        data = self.archives.read(location)
        code = decode_latent(data, location)
        if form := _form(data, code.tobytes()):
            self._forms[len(data)] = form
        return code


@dataclass(frozen=True)
class _Form:
    """A torch file without its numbers: everything between its records of numbers, and where the code lies.

    fixed    where a piece that never changes begins, and the piece
    records  of every record of numbers: its first and last byte, and where its CRC stands
    """

    code: int
    fixed: tuple[tuple[int, bytes], ...]
    records: tuple[tuple[int, int, tuple[int, ...]], ...]

    def fits(self, piece: bytes, start: int) -> bool:
        """Whether the file from ``start`` on is of this form and its records are whole."""
        for at, content in self.fixed:
            if not piece.startswith(content, start + at):
                return False
        whole = memoryview(piece)
        for first, last, places in self.records:
            crc = zlib.crc32(whole[start + first : start + last]).to_bytes(4, "little")
            for at in places:
                if not piece.startswith(crc, start + at):
                    return False
        return True


def _form(data: bytes, code: bytes) -> _Form | None:
    """The form of a torch file that was read and holds the bytes ``code``; None where it cannot be told for certain."""
    records = []
    with contextlib.suppress(ZipError), Zip(data) as archive:
        directory = archive.directory
        for at, name in enumerate(directory.names):
            if re.search(r"(/data/\d+|/\.data/serialization_id)$", name):
                first = int(directory.offset[at]) + archive.locate(name, len(data))[0]
                records.append((first, first + int(directory.packed[at]), int(directory.crc[at]).to_bytes(4, "little")))
    matching = [first for first, last, _ in records if data[first:last] == code]
    # In the order of the file: records, which may change, and their CRCs, which must follow them.
    changing = sorted((first, last) for first, last, _ in records)
    numbers = []
    for first, last, crc in records:
        places = [match.start() for match in re.finditer(re.escape(crc), data)]
        places = [at for at in places if not any(begin <= at < end for begin, end in changing)]
        numbers.append((first, last, tuple(places)))
    changing = sorted([*changing, *((at, at + 4) for _, _, places in numbers for at in places)])
    edges = [0, *(edge for pair in changing for edge in pair), len(data)]
    fixed = tuple((begin, data[begin:end]) for begin, end in zip(edges[::2], edges[1::2], strict=True) if begin < end)
    certain = len(matching) == 1 and edges == sorted(edges) and all(len(places) in (2, 3) for *_, places in numbers)
    return _Form(matching[0], fixed, tuple(numbers)) if certain else None


def decode_view_attribute(data: bytes, name: str) -> NDArray[np.float32]:
    """The 17 attributes float32 [17] that a view's code is published with. Raises ArchiveError."""
    value = read_value(data, name)
    attribute = value.get("attribute") if isinstance(value, dict) else None
    if not isinstance(attribute, np.ndarray) or attribute.shape != (1, 17, 1, 1):
        raise ArchiveError(f"{name}: holds no attributes of shape (1, 17, 1, 1)")
    return attribute.reshape(17)
