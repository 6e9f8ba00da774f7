"""Pictures that somebody has: those of a folder and the zips in it, of one zip, of a list, or one alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.config import ConfigError
from ffhq_uv.formats.folders import walk
from ffhq_uv.formats.photographs import MAX_BYTES, SUFFIXES, PhotographError
from ffhq_uv.formats.zips import Zip, ZipError

LIST = ".txt"
"""Ending of a list: a path a line, relative to the list's folder; empty lines and those after a # do not count."""


@dataclass(frozen=True)
class Picture:
    """A picture that is to be read.

    name    what it is called in tables and messages
    path    the file, or the zip
    member  of the zip; empty for a plain file
    """

    name: str
    path: Path
    member: str = ""

    @property
    def stem(self) -> str:
        """Its file's name without the ending."""
        return Path(self.member or self.path).stem

    def read(self) -> bytes:
        """The file's bytes. Raises OSError, or ValueError for a member or size that is refused."""
        if self.member:
            with Zip(self.path) as archive:
                return archive.read(self.member, MAX_BYTES, 200)
        if (size := self.path.stat().st_size) > MAX_BYTES:
            raise PhotographError(f"{self.name}: refuses {size} bytes (at most {MAX_BYTES})")
        return self.path.read_bytes()


def find_pictures(images: Path) -> list[Picture]:
    """Every picture at ``images``, in a fixed order, told by its ending; a list's are taken as they are named.

    Raises ConfigError where there is none, ValueError for a zip that cannot be opened.
    """
    if not images.exists():
        raise ConfigError(f"{images}: no such folder, zip, list or picture")
    if images.suffix.lower() == LIST:
        lines = map(str.strip, images.read_text().splitlines())
        found = [Picture(line, images.parent / line) for line in lines if line and not line.startswith("#")]
    elif images.is_dir():
        found = [picture for file in walk(images) for picture in _of(file, file.relative_to(images).as_posix())]
    else:
        found = _of(images, images.name)
    if not found:
        raise ConfigError(f"{images}: no pictures ({', '.join(SUFFIXES)}), also in no zip")
    return found


def _of(file: Path, name: str) -> list[Picture]:
    """A file as a picture, those in it if it is a zip, or nothing."""
    if file.suffix.lower() == ".zip":
        with _opened(file) as archive:
            members = sorted(member for member in archive.namelist() if _is_picture(member))
        return [Picture(f"{name}!{member}", file, member) for member in members]
    return [Picture(name, file)] if _is_picture(name) else []


def _opened(file: Path) -> Zip:
    try:
        return Zip(file)
    except ZipError as error:
        raise ZipError(f"{file}: {error}") from error


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES and not Path(name).name.startswith(".")
