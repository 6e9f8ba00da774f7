"""The codes of any file, and what each is called: by its number in the file, or by its id."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.codes import SUFFIXES, decode_codes, open_codes
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.parquet import SUFFIX, parquet_codes
from ffhq_uv.geometry import VIEWS

PACKED = ".codes.npy"
"""How files end that the tool pack writes: there [3, 18, 512] are a sample's three views, elsewhere three samples."""
OF_CODES = (*SUFFIXES, SUFFIX)
"""How files of codes end."""


def named_codes(archives: Archives, location: str) -> Iterator[tuple[list[str] | None, NDArray[np.float32]]]:
    """The codes at a location, float32 [n, V, L, 512], and their names; no names where the file holds one alone.

    Those of a Parquet shard come some at a time. Arrays of NumPy that are not packed may be of any size, and are
    mapped. Raises ArchiveError.
    """
    path = archives.root / location
    if path.suffix.lower() == SUFFIX:
        if not path.is_file():
            raise ArchiveError(f"{location}: a Parquet file in an archive; unpack it")
        for ids, codes in parquet_codes(path):
            if unsafe := [id for id in ids if not re.fullmatch(r"\w[\w.-]*", id)]:
                raise ArchiveError(f"{location}: {unsafe[0]!r} is no id")
            yield ids, codes
        return
    if path.suffix.lower() == ".npy" and path.is_file():
        codes = open_codes(path)
    else:
        codes = decode_codes(archives.read(location, archives.limits.pt), location)
    if location.lower().endswith(PACKED) and codes.shape[:2] == (len(VIEWS), 1):
        codes = codes.swapaxes(0, 1)
    yield [f"{row:06d}" for row in range(len(codes))] if len(codes) > 1 else None, codes
