"""Zips from outside, read in place by their central directory. All rooms read zips here.

Stricter than the standard library: a zip is taken only if its directory ends where its end record says, no two
members share a byte (Python 3.11.7 reads 500 MiB out of 12 kB where they do, gh-109858), no name leaves the folder it
would be unpacked to, and nothing is encrypted or a link. Nothing is ever unpacked to a name that a zip chose. Reading a
directory takes a third of the standard library's time, and what was read can be written down beside the zip
(`Zip.remembering`): opening a zip of a million members again takes 0.2 s then, most of it to see that it is the same.
"""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.formats.sources import Files, Memory, Source

STORED, DEFLATED = 0, 8
MAX_MEMBERS = 2_000_000
"""Most members of one zip. Published: 3,000 a chunk, 69,620 the largest."""
MAX_DIRECTORY = 256 << 20
"""Largest central directory, bytes; 2 million of the published names take 190 MB."""
REMEMBERED = 10_000
"""Members from which on a directory is worth remembering: reading that many takes 13 ms."""

_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_ENTRY = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
_UNSAFE = re.compile(r"[\x00-\x1f\\]|^/|^[A-Za-z]:|(^|/)\.\.(/|$)")
_COLUMNS = ("offset", "packed", "size", "crc", "method", "end")
_FULL32 = 0xFFFFFFFF
_SLACK = 128
"""Bytes read beyond a member's expected end, for the padding that torch puts into local headers."""


class ZipError(ValueError):
    """A zip is damaged or hostile. The message says how, not which file."""


class TooLarge(ZipError):
    """A zip, or a member, is larger than the caller allows: it may well be sound."""


class Unsupported(ZipError):
    """A zip is sound, as far as it was looked at, and of a kind that is not read. The message says what to do."""


def unsafe(name: str) -> bool:
    """Whether a relative path with ``/`` could leave its folder, or means different things on different systems."""
    return not name or bool(_UNSAFE.search(name))


@dataclass(frozen=True)
class Directory:
    """A zip's members in the order of its central directory.

    names                 with ``/``; safe, and different even without regard to case
    offset, end           uint64 [n], the bytes that a member may take: its local header, and the next member's
    packed, size          uint64 [n], bytes
    crc                   uint32 [n]
    method                uint16 [n], stored (0) or deflated (8)
    """

    names: list[str]
    offset: NDArray[np.uint64]
    packed: NDArray[np.uint64]
    size: NDArray[np.uint64]
    crc: NDArray[np.uint32]
    method: NDArray[np.uint16]
    end: NDArray[np.uint64]

    @cached_property
    def places(self) -> dict[str, int]:
        """The number of each member by its name."""
        return dict(zip(self.names, range(len(self.names)), strict=True))


class Zip:
    """An open zip. Close it, or use ``with``; reading from several threads is fine."""

    def __init__(self, source: Path | bytes | Source, max_members: int = MAX_MEMBERS) -> None:
        """Open a file, the bytes of one, or what else holds one; it is closed with the zip.

        Raises ZipError (TooLarge for more members), or OSError if the file cannot be opened.
        """
        if isinstance(source, bytes):
            self.source: Source = Memory(source)
        else:
            self.source = Files([source]) if isinstance(source, Path) else source
        self._piece = self.source.piece
        try:
            start, raw, count = _central_directory(self.source.length, self._piece, max_members)
            self._digest = b""
            found = None
            if isinstance(source, Path) and count >= REMEMBERED:
                self._digest = hashlib.blake2b(raw, digest_size=32, key=start.to_bytes(8, "little")).digest()
                found = _remembered(source, self._digest)
            self.directory = found or _read_directory(raw, start, count)
        except BaseException:
            self.close()
            raise

    def namelist(self) -> list[str]:
        """The members' names."""
        return self.directory.names

    def read(self, name: str, most: int, most_ratio: float = float("inf")) -> bytes:
        """A member's content, checked against its CRC.

        most        largest size that is read, bytes
        most_ratio  largest ratio of its size to its packed size, above one MiB

        Raises KeyError without such a member, TooLarge, ZipError if it is damaged, OSError if reading fails.
        """
        start, data = self.locate(name, most, most_ratio)
        at = self.directory.places[name]
        size, packed = int(self.directory.size[at]), int(self.directory.packed[at])
        content = data[start : start + packed]
        if self.directory.method[at] == DEFLATED:
            unpacking = zlib.decompressobj(-15)
            try:
                content = unpacking.decompress(content, size + 1)
            except zlib.error as error:
                raise ZipError(f"damaged ({error})") from None
            if not unpacking.eof or unpacking.unused_data:
                raise ZipError("damaged (its size is not what its header says)")
        if len(content) != size:
            raise ZipError("damaged (its size is not what its header says)")
        if zlib.crc32(content) != self.directory.crc[at]:
            raise ZipError("damaged (Bad CRC-32)")
        return content

    def locate(self, name: str, most: int, most_ratio: float = float("inf")) -> tuple[int, bytes]:
        """Where a member's packed bytes begin in a piece of the file, and that piece. Errors as those of `read`."""
        at = self.directory.places[name]
        offset, end = int(self.directory.offset[at]), int(self.directory.end[at])
        size, packed = int(self.directory.size[at]), int(self.directory.packed[at])
        if max(size, packed - (packed >> 8) - 64) > most:
            raise TooLarge(f"refuses {size} bytes packed in {packed} (at most {most})")
        if size > 1 << 20 and size > most_ratio * max(packed, 1):
            raise TooLarge(f"refuses {size} bytes packed in {packed} (at most {most_ratio:g} times as many)")
        named = name.encode("utf-8", "surrogateescape")
        piece = self._piece(offset, min(30 + len(named) + packed + _SLACK, end - offset))
        if len(piece) < 30:
            raise ZipError("damaged (no local header)")
        signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(piece)
        start = 30 + name_length + extra_length
        if signature != b"PK\x03\x04" or method != self.directory.method[at] or flags & 0x2041:
            raise ZipError("damaged (its local header is another's)")
        if offset + start + packed > end:
            raise ZipError("damaged (its bytes overlap another member's)")
        if piece[30 : 30 + name_length] != named and _text(piece[30 : 30 + name_length], flags) != name:
            raise ZipError("damaged (its local header has another name)")
        if start + packed > len(piece):
            piece = self._piece(offset, start + packed)
        return start, piece

    def stored(self, name: str, most: int) -> tuple[int, int, bytes] | None:
        """For a member that is not packed: where it begins in a piece of the file, its length, and the piece.

        Its CRC is not checked. None for a packed one. Errors as those of `read`.
        """
        if self.directory.method[at := self.directory.places[name]] != STORED:
            return None
        length = int(self.directory.size[at])
        start, piece = self.locate(name, most)
        return (start, length, piece) if length == self.directory.packed[at] else None

    def span(self, name: str) -> tuple[int, int] | None:
        """Where a member lies as it is: its first byte, and its length; None if it is packed. Errors as `read`."""
        at = self.directory.places[name]
        if self.directory.method[at] != STORED:
            return None
        offset, end = int(self.directory.offset[at]), int(self.directory.end[at])
        header = self._piece(offset, 30)
        start = offset + 30 + sum(_LOCAL.unpack(header)[-2:]) if len(header) == 30 else end
        length = int(self.directory.size[at])
        if start + length > end or length != self.directory.packed[at]:
            raise ZipError("damaged (its bytes overlap another member's)")
        return start, length

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> Zip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def remembering(self) -> bytes | None:
        """What `remembered_at` should hold so that the zip opens at once; None if it is small. The same every time."""
        if not self._digest:
            return None
        names = np.frombuffer("\n".join(self.directory.names).encode("utf-8", "surrogateescape"), np.uint8)
        columns = {column: getattr(self.directory, column) for column in _COLUMNS}
        buffer = io.BytesIO()
        np.savez(buffer, digest=np.frombuffer(self._digest, np.uint8), names=names, **columns)
        return buffer.getvalue()


def remembered_at(path: Path) -> Path:
    """The file beside a zip in which its directory is remembered; no reader takes it for an archive."""
    return path.with_name(f".{path.name}.members")


def _remembered(path: Path, digest: bytes) -> Directory | None:
    """The directory that lies beside a zip, if it was made from exactly this zip's own. It was checked when made, and
    what it says of a member is held against the member's own header when that is read."""
    with (
        suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile),
        np.load(remembered_at(path), allow_pickle=False) as held,
    ):
        if held["digest"].tobytes() == digest:
            names = held["names"].tobytes().decode("utf-8", "surrogateescape").split("\n")
            return Directory(names, *(held[column] for column in _COLUMNS))
    return None


def _central_directory(length: int, piece: Callable[[int, int], bytes], max_members: int) -> tuple[int, bytes, int]:
    """Where the central directory begins, its bytes, and how many members it has."""
    tail_start = max(0, length - (1 << 16) - 22 - 20 - 56)
    tail = piece(tail_start, length - tail_start)
    at = len(tail) - 22
    while at >= 0 and not (tail.startswith(b"PK\x05\x06", at) and at + 22 + _END.unpack_from(tail, at)[7] == len(tail)):
        at = tail.rfind(b"PK\x05\x06", 0, at + 3)
    if at < 0:
        raise ZipError("not a readable zip (it has no end; is it cut short?)")
    _, disk, first_disk, here, count, size, start, _ = _END.unpack_from(tail, at)
    end = tail_start + at
    if at >= 20 and tail.startswith(b"PK\x06\x07", at - 20):
        _, _, place, _ = _LOCATOR.unpack_from(tail, at - 20)
        record = piece(place, 56) if place <= end - 20 - 56 else b""
        if len(record) < 56 or record[:4] != b"PK\x06\x06":
            raise ZipError("not a readable zip (its zip64 end is missing; is it cut short?)")
        _, _, _, _, disk, first_disk, here, count, size, start = _END64.unpack(record)
        end = place
    if disk or first_disk or here != count:
        raise Unsupported("refuses a zip in several parts; zip -s 0 NAME.zip --out whole.zip joins them")
    if start + size != end:
        raise ZipError("not a readable zip (bytes are missing or too many; is it cut short?)")
    if count > max_members:
        raise TooLarge(f"refuses {count} members (at most {max_members})")
    if size > MAX_DIRECTORY:
        raise ZipError(f"refuses {size} bytes of members' names (at most {MAX_DIRECTORY})")
    raw = piece(start, size)
    if len(raw) != size or count * 46 > size:
        raise ZipError("not a readable zip (its directory is shorter than it says)")
    return start, raw, count


def _read_directory(raw: bytes, start: int, count: int) -> Directory:
    names: list[str] = []
    lengths, flagged, modes = np.empty((3, count), np.uint32)
    table: dict[str, NDArray[Any]] = {
        "offset": np.empty(count, np.uint64),
        "packed": np.empty(count, np.uint64),
        "size": np.empty(count, np.uint64),
        "crc": np.empty(count, np.uint32),
        "method": np.empty(count, np.uint16),
    }
    offsets, packeds, sizes, crcs, methods = table.values()
    at, unpack, total = 0, _ENTRY.unpack_from, len(raw)
    for number in range(count):
        if at + 46 > total or not raw.startswith(b"PK\x01\x02", at):
            raise ZipError("not a readable zip (its directory is damaged)")
        entry = unpack(raw, at)
        _, _, _, flags, method, _, _, crc, packed, size, name_length, extra_length, comment, disk, _, mode, offset = (
            entry
        )
        at += 46
        named = raw[at : at + name_length]
        if _FULL32 in (packed, size, offset):
            extra = raw[at + name_length : at + name_length + extra_length]
            size, packed, offset = _wide(extra, size, packed, offset)
        at += name_length + extra_length + comment
        if at > total or disk not in (0, 0xFFFF) or offset + packed > start:
            raise ZipError("not a readable zip (its directory is damaged)")
        names.append(_text(named, flags))
        lengths[number], flagged[number], modes[number] = name_length, flags, mode >> 16
        offsets[number], packeds[number], sizes[number], crcs[number], methods[number] = (
            offset,
            packed,
            size,
            crc,
            method,
        )
    if at != total:
        raise ZipError("not a readable zip (its directory is longer than it says)")
    _check_names(names)
    if (linked := np.flatnonzero(modes & 0o170000 == 0o120000)).size:
        raise ZipError(f"refuses the link {names[linked[0]]!r}")
    odd = np.flatnonzero((flagged & 0x2041 != 0) | ((methods != STORED) & (methods != DEFLATED)))
    if odd.size:
        raise Unsupported(_odd(names[odd[0]], int(flagged[odd[0]]), int(methods[odd[0]])))
    return Directory(names, **table, end=_ends(names, offsets, lengths + packeds + np.uint64(30), start))


def _odd(name: str, flags: int, method: int) -> str:
    """Why a member is not read, and what to do."""
    if flags & 0x2041:
        return f"refuses {name!r}, which is encrypted; unpack the zip with its password, and leave the files unpacked"
    packed = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "zstd", 95: "xz", 98: "PPMd"}.get(method, f"method {method}")
    return f"refuses {name!r}, packed by {packed}; only stored and deflated members are read: unpack the zip"


def _ends(names: list[str], offsets: NDArray[np.uint64], lengths: NDArray[np.uint64], start: int) -> NDArray[np.uint64]:
    """Where each member must end: at the next one's first byte, or the directory's. Refuses what overlaps."""
    order = np.argsort(offsets, kind="stable")
    ends = np.empty_like(offsets)
    following = np.append(offsets[order][1:], np.uint64(start))
    ends[order] = following
    # A torn zip of .pt files ends in the directory of one of them: they are zips themselves.
    if len(names) and offsets[order[0]] > 0:
        raise ZipError("refuses data before the first member (is it cut short?)")
    if (crossed := np.flatnonzero(offsets[order] + lengths[order] > following)).size:
        raise ZipError(f"refuses {names[order[crossed[0]]]!r}, whose bytes overlap another member's")
    return ends


def _check_names(names: list[str]) -> None:
    joined = "\n".join(names)
    # Searching all names at once takes a tenth of the time, and few zips need the second look.
    control = np.count_nonzero(np.frombuffer(joined.encode("utf-8", "surrogateescape"), np.uint8) < 32)
    if control >= max(len(names), 1) or any(sign in f"\n{joined}\n" for sign in ("..", "\\", ":", "\n/", "\n\n")):
        for name in names:
            if unsafe(name):
                if "\\" in name:
                    raise Unsupported(
                        f"refuses the member name {name!r}, as some Windows programs write it: unpack the zip with "
                        "such a program, and leave the files unpacked"
                    )
                raise ZipError(f"refuses the member name {name!r}")
    folded = joined.casefold().split("\n")
    if names and len(set(folded)) < len(names):
        twice, _ = Counter(folded).most_common(1)[0]
        raise ZipError(f"refuses two members called {twice!r}")


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    """The sizes of an entry with a zip64 extra field, which holds those that do not fit 32 bits."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            wide = [number for (number,) in struct.iter_unpack("<Q", extra[at + 4 : at + 4 + length // 8 * 8])]
            values = [wide.pop(0) if value == _FULL32 and wide else value for value in (size, packed, offset)]
            return values[0], values[1], values[2]
        at += 4 + length
    return size, packed, offset


def _text(name: bytes, flags: int) -> str:
    return name.decode("utf-8", "surrogateescape") if flags & 0x800 or name.isascii() else name.decode("cp437")
