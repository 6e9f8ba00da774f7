"""Where an archive's bytes are: in a file, in several files one after the other, or in a part of another archive."""

from __future__ import annotations

import bisect
import os
import stat
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """Bytes that can be read from anywhere, from several threads."""

    length: int

    def piece(self, start: int, length: int) -> bytes:
        """Some bytes; fewer where they end before. Raises OSError."""
        ...

    def close(self) -> None:
        """Close what was opened for it."""
        ...


class Files:
    """One file, or the parts into which one was split."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises OSError where one cannot be opened, or is no file."""
        self._handles: list[int] = []
        try:
            for path in paths:
                if not stat.S_ISREG(path.stat().st_mode):
                    raise OSError(0, "not a file", str(path))
                self._handles.append(os.open(path, os.O_RDONLY))
            lengths = [os.fstat(handle).st_size for handle in self._handles]
        except BaseException:
            self.close()
            raise
        self._ends = list(accumulate(lengths))
        self.length = self._ends[-1]

    def piece(self, start: int, length: int) -> bytes:
        """See `Source`."""
        pieces = []
        at = bisect.bisect_right(self._ends, start)
        while length > 0 and at < len(self._handles):
            begin = self._ends[at - 1] if at else 0
            wanted = min(length, self._ends[at] - start)
            if not (found := os.pread(self._handles[at], wanted, start - begin)):
                break  # it was cut while it was read
            pieces.append(found)
            start, length = start + len(found), length - len(found)
            at += start >= self._ends[at]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """See `Source`."""
        while self._handles:
            os.close(self._handles.pop())


class Memory:
    """Bytes that were read already."""

    def __init__(self, data: bytes) -> None:
        self._data, self.length = data, len(data)

    def piece(self, start: int, length: int) -> bytes:
        """See `Source`."""
        return self._data[start : start + length]

    def close(self) -> None:
        """Nothing was opened."""


class Window:
    """A part of another source, which is closed with it."""

    def __init__(self, source: Source, start: int, length: int) -> None:
        self._source, self._start, self.length = source, start, length

    def piece(self, start: int, length: int) -> bytes:
        """See `Source`."""
        return self._source.piece(self._start + start, max(0, min(length, self.length - start)))

    def close(self) -> None:
        """See `Source`."""
        self._source.close()
