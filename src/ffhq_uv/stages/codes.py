"""Codes on disk: 26 of a sample's 54 rows where left and right follow the front in every sample, else all of them.

A ``.npy`` file to memory-map, float32 [n, 26, 512] or [n, V, 18, 512]: its shape says which. Codes are mixed as they
are stored and made whole afterwards (`selection.mix`, `selection.rows`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ffhq_uv.selection.mix import Codes
from ffhq_uv.selection.rows import LAYERS, ROWS, follows_front, pack, unpack

WIDTH = 512
"""Numbers in a row of a W+ code."""


def store(path: Path, count: int, views: int, batches: Callable[[], Iterator[Codes]]) -> None:
    """Write the codes of ``count`` samples, which come in batches float32 [k, V, 18, 512].

    They are packed if nothing is lost, which is verified for every sample; at the first that would lose, ``batches`` is
    called again and all are written whole. Written as to any file, not through a memory map: a full disk is an error
    then (OSError), and no signal, and memory holds one batch.
    """
    if views > 1:
        packed = (pack(codes) if follows_front(codes).all() else None for codes in batches())
        if _write(path, (count, ROWS, WIDTH), packed):
            return
    _write(path, (count, views, LAYERS, WIDTH), batches())


def _write(path: Path, shape: tuple[int, ...], batches: Iterable[Codes | None]) -> bool:
    """Write batches as one ``.npy`` file, each while the next one is made. False, and no whole file, if one is None."""
    with path.open("wb", buffering=0) as file, ThreadPoolExecutor(1) as behind:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
        writing = behind.submit(_write_all, file, header.getvalue())
        for batch in batches:
            if batch is None:
                return False
            content = np.ascontiguousarray(batch, "<f4").data.cast("B")
            writing.result()
            writing = behind.submit(_write_all, file, content)
        writing.result()
    return True


def _write_all(file: io.FileIO, content: bytes | memoryview) -> None:
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(file.name)) from error


def stored(path: Path) -> Codes:
    """The codes as they are stored, memory-mapped."""
    codes: Codes = np.load(path, mmap_mode="r")
    return codes


def whole(codes: Codes) -> Codes:
    """Stored codes of some samples as float32 [k, V, 18, 512]."""
    return unpack(codes) if codes.shape[1] == ROWS else codes
