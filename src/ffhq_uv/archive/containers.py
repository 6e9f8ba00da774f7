"""Folders and zips of untrusted files, read in place: nothing is unpacked, nothing outside the root is read.

A *location* names one file below the root of the archives: ``folder/file.png``, or
``folder/000.zip!file.png`` for a member of a zip. Links in folders are followed (archives may be linked
into place); zips may hold none.
"""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from types import TracebackType

MAX_BYTES = {
    "meta-info.json": 32 << 20,  # 13 MB published, by the number of samples
    ".json": 64 << 10,  # 159 bytes
    ".npy": 64 << 10,  # 164 bytes
    ".pkl": 256 << 10,  # 3 kB
    ".png": 64 << 20,  # 1.2 MB
    ".pt": 4 << 20,  # 38 kB
}
"""Largest file of each name or kind that is read; beside it what the published ones have."""
MAX_RATIO = 200
"""Largest ratio of unpacked to packed size of a member above one MiB."""
MAX_MEMBERS = 5_000_000
"""Most members of one zip."""


class ArchiveError(ValueError):
    """An archive, or a file in it, is damaged, hostile, or not laid out as published."""


def files(root: Path) -> Iterator[Path]:
    """Every file below ``root`` in a fixed order; names that start with a dot are temporary or not ours."""
    seen = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        if (real := os.path.realpath(folder)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def split(location: str) -> tuple[str, str]:
    """A location's path and the zip's member, which is empty for a plain file."""
    head, zipped, member = location.partition(".zip!")
    return (f"{head}.zip", member) if zipped else (location, "")


def open_zip(path: Path) -> zipfile.ZipFile:
    """Open a zip and check every member (`_refusal`); ArchiveError names the file and a remedy."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{path}: not a readable zip ({error}); download it again") from error
    if reason := _refusal(archive):
        archive.close()
        raise ArchiveError(f"{path}: {reason}; this is no published archive, download it again")
    return archive


def _refusal(archive: zipfile.ZipFile) -> str | None:
    """Why a zip is not taken, or None: odd names, links, duplicates, overlapping data, too many members."""
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        return f"refuses {len(members)} members (at most {MAX_MEMBERS})"
    seen = set()
    for member in members:
        name = member.orig_filename
        if re.search(r"[\\\x00]|^/|^[A-Za-z]:|(^|/)\.\.(/|$)", name):
            return f"refuses the member name {name!r}"
        if name.casefold() in seen:
            return f"refuses two members called {name!r}"
        seen.add(name.casefold())
        if stat.S_ISLNK(member.external_attr >> 16):
            return f"refuses the link {name!r}"
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            return f"refuses {name!r} (encrypted, or neither stored nor deflated)"
    # A torn zip of .pt files ends in the directory of one of them: they are zips themselves.
    if members and min(member.header_offset for member in members) > 0:
        return "refuses data before the first member (is it cut short?)"
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < end:
            return f"refuses {member.filename!r}, whose bytes overlap another member's"
        end = member.header_offset + 30 + len(member.filename) + member.compress_size
    return None


class Archives:
    """The files below a folder by location. Keeps the zips it read last open; close it, or use ``with``."""

    def __init__(self, root: Path, open_zips: int = 8) -> None:
        self.root = root
        self._capacity = open_zips
        self._zips: OrderedDict[str, zipfile.ZipFile] = OrderedDict()

    def read(self, location: str) -> bytes:
        """The whole file at a location, at most `MAX_BYTES` of its kind. Raises ArchiveError."""
        path, member = split(location)
        name = PurePosixPath(member or path)
        limit = MAX_BYTES.get(name.name, MAX_BYTES.get(name.suffix.lower(), 0))
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise ArchiveError(f"{location}: outside of the archives")
        try:
            if member:
                return self._read_member(path, member, limit)
            size = (self.root / path).stat().st_size
            if size > limit:
                raise ArchiveError(f"{location}: refuses {size} bytes (at most {limit})")
            return (self.root / path).read_bytes()
        except OSError as error:
            raise ArchiveError(f"{location}: {error.strerror or error}") from error

    def _read_member(self, path: str, member: str, limit: int) -> bytes:
        try:
            archive = self._zip(path)
            info = archive.getinfo(member)
            packed = max(info.compress_size, 1)
            if info.file_size > limit or (info.file_size > 1 << 20 and info.file_size > MAX_RATIO * packed):
                raise ArchiveError(f"{path}!{member}: refuses {info.file_size} bytes packed in {packed}")
            return archive.read(info)
        except ArchiveError:
            raise
        except KeyError:
            raise ArchiveError(f"{path}!{member}: no such member") from None
        except Exception as error:  # zlib, struct, EOF: the member's bytes are damaged
            raise ArchiveError(f"{path}!{member}: damaged ({error}); download {path} again") from error

    def _zip(self, path: str) -> zipfile.ZipFile:
        if path not in self._zips:
            while len(self._zips) >= self._capacity:
                self._zips.popitem(last=False)[1].close()
            self._zips[path] = open_zip(self.root / path)
        self._zips.move_to_end(path)
        return self._zips[path]

    def close(self) -> None:
        while self._zips:
            self._zips.popitem()[1].close()

    def __enter__(self) -> Archives:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
