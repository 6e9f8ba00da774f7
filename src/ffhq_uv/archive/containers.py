"""Folders and zips of untrusted files, read in place: nothing is unpacked, nothing outside the root is read.

A *location* names one file below the root of the archives: ``folder/file.png``, or
``folder/000.zip!file.png`` for a member of a zip. Links in folders are followed (archives may be linked
into place); zips may hold none.
"""

from __future__ import annotations

import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.faults import PassingError
from ffhq_uv.formats.zips import STORED, TooLarge, Zip, ZipError

_BOUNDED = "`limits` in the configuration bounds it"


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


def locations(path: Path, suffix: str) -> Iterator[str]:
    """Every file with a suffix (``.png``) at ``path``: a folder and the zips in it, or one zip or plain file.

    The locations are below the folder, or below the one that the single file lies in. Raises ArchiveError for a zip
    that cannot be opened.
    """
    root = path if path.is_dir() else path.parent
    for file in files(path) if path.is_dir() else [path]:
        location = file.relative_to(root).as_posix()
        if file.suffix == suffix:
            yield location
        elif file.suffix == ".zip":
            with open_zip(file) as archive:
                yield from (f"{location}!{name}" for name in archive.namelist() if name.endswith(suffix))


def split(location: str) -> tuple[str, str]:
    """A location's path and the zip's member, which is empty for a plain file."""
    head, zipped, member = location.partition(".zip!")
    return (f"{head}.zip", member) if zipped else (location, "")


def _outside(path: str) -> bool:
    return path.startswith("/") or ".." in path.split("/")


def open_zip(path: Path, limits: Limits = PUBLISHED) -> Zip:
    """Open a zip. ArchiveError names the file, what is wrong with it (`ffhq_uv.formats.zips`), and a remedy."""
    try:
        return Zip(path, limits.members)
    except OSError as error:
        raise PassingError(f"{path}: {error.strerror or error}") from error
    except TooLarge as error:
        raise ArchiveError(f"{path}: {error}; {_BOUNDED}") from error
    except ZipError as error:
        raise ArchiveError(f"{path}: {error}; this is no published archive, download it again") from error


class Archives:
    """The files below a folder by location. Keeps the zips it read last open; close it, or use ``with``."""

    def __init__(self, root: Path, limits: Limits = PUBLISHED, open_zips: int = 8) -> None:
        self.root = root
        self.limits = limits
        self._capacity = open_zips
        self._zips: OrderedDict[str, Zip] = OrderedDict()

    def read(self, location: str) -> bytes:
        """The whole file at a location, at most as large as the limits allow. Raises ArchiveError."""
        path, member = split(location)
        limit = self.limits.of(member or path)
        if _outside(path):
            raise ArchiveError(f"{location}: outside of the archives")
        try:
            if member:
                return self._read_member(path, member, limit)
            return self._read_file(self.root / path, location, limit)
        except OSError as error:  # it was listed, so it is there
            raise PassingError(f"{location}: {error.strerror or error}") from error

    def stored(self, location: str) -> tuple[int, int, bytes] | None:
        """For a file that lies unpacked in a zip: where it begins in a piece of that zip, its length, and the piece.

        Its CRC is not checked. None for any other file, and where `read` would raise an error.
        """
        path, member = split(location)
        try:
            if not member or _outside(path):
                return None
            directory = (archive := self._zip(path)).directory
            if directory.method[at := directory.places[member]] != STORED:
                return None
            length = int(directory.size[at])
            start, piece = archive.locate(member, self.limits.of(member))
            return (start, length, piece) if length == directory.packed[at] else None
        except (ArchiveError, ZipError, KeyError, OSError):
            return None

    def _read_file(self, path: Path, location: str, limit: int) -> bytes:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ArchiveError(f"{location}: not a file")
        if state.st_size > limit:
            raise ArchiveError(f"{location}: refuses {state.st_size} bytes (at most {limit}); {_BOUNDED}")
        with path.open("rb") as file:
            return file.read(limit)

    def _read_member(self, path: str, member: str, limit: int) -> bytes:
        try:
            return self._zip(path).read(member, limit, self.limits.ratio)
        except KeyError:
            raise ArchiveError(f"{path}!{member}: no such member") from None
        except TooLarge as error:
            raise ArchiveError(f"{path}!{member}: {error}; {_BOUNDED}") from error
        except ZipError as error:
            raise ArchiveError(f"{path}!{member}: {error}; download {path} again") from error

    def _zip(self, path: str) -> Zip:
        if path not in self._zips:
            while len(self._zips) >= self._capacity:
                self._zips.popitem(last=False)[1].close()
            self._zips[path] = open_zip(self.root / path, self.limits)
        self._zips.move_to_end(path)
        return self._zips[path]

    def close(self) -> None:
        """Close the zips that are open; a later `read` opens them again."""
        while self._zips:
            self._zips.popitem()[1].close()

    def __enter__(self) -> Archives:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
