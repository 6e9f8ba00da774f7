"""Tars from outside, read in place like zips: plain files only, by names that leave no folder."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from types import TracebackType

from ffhq_uv.formats.sources import Source
from ffhq_uv.formats.zips import MAX_MEMBERS, TooLarge, ZipError, unsafe

MAX_HEADER = 1 << 20
"""Largest header or name, bytes; tarfile would take any size that a header states."""


class Tar:
    """An open tar. It has no directory, so that opening it reads the headers of all its members."""

    def __init__(self, source: Source, max_members: int = MAX_MEMBERS) -> None:
        """Raises ZipError (TooLarge for more members) for a tar that is damaged, packed or hostile, or OSError."""
        self.source = source
        self.places: dict[str, tuple[int, int]] = {}
        try:
            for name, start, length in _members(source):
                if unsafe(name):
                    raise ZipError(f"refuses the member name {name!r}")
                if name in self.places:
                    raise ZipError(f"refuses two members called {name!r}")
                if start + length > source.length:
                    raise ZipError(f"not a readable tar ({name!r} ends beyond it; is it cut short?)")
                if len(self.places) >= max_members:
                    raise TooLarge(f"refuses more than {max_members} members")
                self.places[name] = start, length
        except BaseException:
            self.close()
            raise

    def namelist(self) -> list[str]:
        """The members' names."""
        return list(self.places)

    def read(self, name: str, most: int, most_ratio: float = float("inf")) -> bytes:
        """A member's content, at most so large. Raises KeyError without such a member, TooLarge, ZipError, OSError."""
        start, length = self.places[name]
        if length > most:
            raise TooLarge(f"refuses {length} bytes (at most {most})")
        content = self.source.piece(start, length)
        if len(content) != length:
            raise ZipError("damaged (it ends too early)")
        return content

    def stored(self, name: str, most: int) -> tuple[int, int, bytes] | None:
        """As `Zip.stored`: every member lies as it is."""
        return 0, self.places[name][1], self.read(name, most)

    def span(self, name: str) -> tuple[int, int] | None:
        """Where a member lies as it is: its first byte, and its length. Raises KeyError."""
        return self.places[name]

    def close(self) -> None:
        """Close the file."""
        self.source.close()

    def __enter__(self) -> Tar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _members(source: Source) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and length of every plain file."""
    end = 0
    try:
        with tarfile.open(fileobj=_Reader(source), mode="r:") as archive:
            while (member := archive.next()) is not None:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps all of them otherwise
                if member.islnk() or member.issym():
                    raise ZipError(f"refuses the link {member.name!r}")
                if member.isreg() and not member.issparse():
                    yield member.name.removeprefix("./"), member.offset_data, member.size
                end = member.offset_data + -(-member.size // 512) * 512 if member.isreg() else member.offset_data
    except (tarfile.TarError, EOFError) as error:
        raise ZipError(f"not a readable tar ({error}; is it cut short?)") from error
    if (last := source.piece(end, 512)) != bytes(512):  # tarfile takes any other end for one, too
        raise ZipError(f"not a readable tar ({'a damaged header' if last else 'it has no end'}; is it cut short?)")


class _Reader(io.RawIOBase):
    """A source as the file that tarfile reads headers from."""

    def __init__(self, source: Source) -> None:
        self._source, self._at = source, 0

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER:
            raise ZipError(f"refuses a header of {size} bytes")
        content = self._source.piece(self._at, size)
        self._at += len(content)
        return content

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at
