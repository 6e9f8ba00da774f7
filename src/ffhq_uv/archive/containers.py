"""Folders and archives of untrusted files, read in place: nothing is unpacked, nothing outside the root is read.

A *location* names one file below the root: ``folder/file.png``, or ``folder/000.zip!file.png`` for a member of an
archive, which is a zip or a tar, whole or split (``000.zip.001``, ..., called ``000.zip`` all the same), or one that
lies unpacked in another (``all.zip!000.zip!file.png``). Links in folders are followed (archives may be linked into
place); archives may hold none.
"""

from __future__ import annotations

import filecmp
import re
import stat
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.notes import Notes
from ffhq_uv.faults import PassingError
from ffhq_uv.formats.folders import hidden, walk
from ffhq_uv.formats.looks import looks_like
from ffhq_uv.formats.names import copy_of, is_archive, part_of, unreadable
from ffhq_uv.formats.sources import Files, Source, Window
from ffhq_uv.formats.tars import Tar
from ffhq_uv.formats.zips import TooLarge, Unsupported, Zip, ZipError

_BOUNDED = "`limits` in the configuration bounds it"
_MEMBER = re.compile(r"(?<=\.zip)!|(?<=\.tar)!", re.I)


class ArchiveError(ValueError):
    """An archive, or a file in it, is damaged, hostile, or not laid out as published."""


def locations(root: Path, start: str = "", limits: Limits = PUBLISHED, notes: Notes | None = None) -> Iterator[str]:
    """Every file at and below ``root / start``, those in archives too, in a fixed order.

    start    a folder, an archive, or a plain file
    notes    is told of what is passed over: unfinished downloads, archives that cannot be read in place, copies of
             an archive that lies beside them

    Raises ArchiveError for an archive that cannot be opened.
    """
    notes = {} if notes is None else notes
    top = root / start
    done: set[str] = set()
    for path in [top] if top.is_file() or not top.is_dir() else walk(top):
        location = path.relative_to(root).as_posix()
        whole, _ = part_of(location) or (location, 0)
        if whole in done:
            continue
        if not path.is_file() and (path.exists() or path != top):  # a split archive has no file of its own name
            notes[location] = "not a file"
        elif why := unreadable(location):
            notes[location] = why
        elif not is_archive(whole):
            yield location
        elif (original := copy_of(path.name)) and _same(path, path.with_name(original)):
            notes[location] = f"the same as {original}"
        else:
            done.add(whole)
            yield from _inside(root, whole, limits, notes)


def _inside(root: Path, location: str, limits: Limits, notes: Notes) -> Iterator[str]:
    """The locations of an archive's members, and of the members of archives in it."""
    nested = []
    with open_archive(root, location, limits) as archive:
        for name in archive.namelist():
            if name.endswith("/") or hidden(name):
                continue
            if not is_archive(name):
                yield f"{location}!{name}"
            elif _MEMBER.search(location):
                notes[f"{location}!{name}"] = "an archive in an archive in an archive; unpack the outer one"
            elif archive.span(name) is None:
                notes[f"{location}!{name}"] = "an archive that is packed again in another; unpack the outer one"
            else:
                nested.append(name)
    for name in nested:
        yield from _inside(root, f"{location}!{name}", limits, notes)


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(path, other, shallow=False)


def split(location: str) -> tuple[str, str]:
    """A location's archive and the member of it, which is empty for a plain file."""
    *archives, member = _MEMBER.split(location)
    return ("!".join(archives), member) if archives else (location, "")


def _outside(path: str) -> bool:
    return path.startswith("/") or ".." in path.split("/")


def open_archive(root: Path, location: str, limits: Limits = PUBLISHED) -> Zip | Tar:
    """Open the archive at a location below ``root``; close it, or use ``with``.

    Raises ArchiveError, which names it, what is wrong with it (`ffhq_uv.formats.zips`), and a remedy.
    """
    path, *inner = _MEMBER.split(location)
    where = f"{root / location}"
    source: Source | Path | None = None
    try:
        source = _source(root / path)
        archive = _opened(source, path, limits)
        for name in inner:
            span = archive.span(name)
            if span is None:
                raise Unsupported("an archive that is packed again in another; unpack the outer one")
            archive = _opened(Window(archive.source, *span), name, limits)
        return archive
    except KeyError:
        raise ArchiveError(f"{where}: no such member") from None
    except OSError as error:
        raise PassingError(f"{where}: {error.strerror or error}") from error
    except TooLarge as error:
        raise ArchiveError(f"{where}: {error}; {_BOUNDED}") from error
    except Unsupported as error:
        raise ArchiveError(f"{where}: {error}") from error
    except ZipError as error:
        if (kind := _kind(root / path)) and not kind.startswith("a zip"):
            raise ArchiveError(f"{where}: not a readable archive: {kind}") from error
        raise ArchiveError(f"{where}: {error}; this is no published archive, download it again") from error


def _source(path: Path) -> Path | Source:
    """The file at a path, or the parts into which it was split, in their order."""
    if path.exists() or not path.parent.is_dir():
        return path
    parts = {}
    for file in path.parent.iterdir():
        if (found := part_of(file.name)) and found[0] == path.name:
            parts[found[1]] = file
    if not parts:
        return path
    numbers = sorted(parts)
    expected = range(numbers[0], numbers[0] + len(numbers))
    if numbers[0] > 1 or numbers != list(expected):
        missing = next(number for number in range(min(numbers[0], 1), numbers[-1]) if number not in parts)
        raise Unsupported(f"part {missing} of it is missing (there are {', '.join(map(str, numbers))})")
    return Files([parts[number] for number in numbers])


def _opened(source: Path | Source, name: str, limits: Limits) -> Zip | Tar:
    if not name.lower().endswith(".tar"):
        return Zip(source, limits.members)
    return Tar(Files([source]) if isinstance(source, Path) else source, limits.members)


def _kind(path: Path) -> str | None:
    """What a file is instead of an archive."""
    try:
        with path.open("rb") as file:
            return looks_like(file.read(512))
    except OSError:
        return None


class Archives:
    """The files below a folder by location. Keeps the archives it read last open; close it, or use ``with``."""

    def __init__(self, root: Path, limits: Limits = PUBLISHED, open_zips: int = 8) -> None:
        self.root = root
        self.limits = limits
        self._capacity = open_zips
        self._opened: OrderedDict[str, Zip | Tar] = OrderedDict()

    def read(self, location: str, most: int | None = None) -> bytes:
        """The whole file at a location, at most as large as the limits (or ``most``) allow. Raises ArchiveError."""
        path, member = split(location)
        limit = self.limits.of(member or path) if most is None else most
        if _outside(path):
            raise ArchiveError(f"{location}: outside of the archives")
        try:
            if member:
                return self._read_member(path, member, limit)
            return self._read_file(self.root / path, location, limit)
        except OSError as error:  # it was listed, so it is there
            raise PassingError(f"{location}: {error.strerror or error}") from error

    def stored(self, location: str) -> tuple[int, int, bytes] | None:
        """For a file that lies unpacked in an archive: where it begins in a piece of that, its length, and the piece.

        Its CRC is not checked. None for any other file, and where `read` would raise an error.
        """
        path, member = split(location)
        try:
            if not member or _outside(path):
                return None
            return self._archive(path).stored(member, self.limits.of(member))
        except (ArchiveError, ZipError, KeyError, OSError):
            return None

    def _read_file(self, path: Path, location: str, limit: int) -> bytes:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):
            raise ArchiveError(f"{location}: not a file")
        if state.st_size > limit:
            raise ArchiveError(f"{location}: refuses {state.st_size} bytes (at most {limit}); {_BOUNDED}")
        with path.open("rb") as file:
            return file.read(state.st_size)

    def _read_member(self, path: str, member: str, limit: int) -> bytes:
        try:
            return self._archive(path).read(member, limit, self.limits.ratio)
        except KeyError:
            raise ArchiveError(f"{path}!{member}: no such member") from None
        except TooLarge as error:
            raise ArchiveError(f"{path}!{member}: {error}; {_BOUNDED}") from error
        except ZipError as error:
            raise ArchiveError(f"{path}!{member}: {error}; download {path} again") from error

    def _archive(self, path: str) -> Zip | Tar:
        if path not in self._opened:
            while len(self._opened) >= self._capacity:
                self._opened.popitem(last=False)[1].close()
            self._opened[path] = open_archive(self.root, path, self.limits)
        self._opened.move_to_end(path)
        return self._opened[path]

    def close(self) -> None:
        """Close the archives that are open; a later `read` opens them again."""
        while self._opened:
            self._opened.popitem()[1].close()

    def __enter__(self) -> Archives:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
