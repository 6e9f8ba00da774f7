"""Codes on disk: 26 of a sample's 54 rows where left and right follow the front in every sample, else all of them.

A ``.npy`` file to memory-map, float32 [n, 26, 512] or [n, V, 18, 512]: its shape says which. Codes are mixed as they
are stored and made whole afterwards (`selection.mix`, `store.rows`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.store import files
from ffhq_uv.store.rows import LAYERS, ROWS, follows_front, pack, unpack

Codes = NDArray[np.float32]
"""W+ codes, whole [n, V, 18, 512] or packed [n, 26, 512]."""

WIDTH = 512
"""Numbers in a row of a W+ code."""


def store(path: Path, count: int, views: int, batches: Callable[[], Iterator[Codes]]) -> None:
    """Write the codes of ``count`` samples, which come in batches float32 [k, V, 18, 512].

    They are packed if nothing is lost, which is verified for every sample; at the first that would lose, ``batches`` is
    called again and all are written whole.
    """
    packed = (pack(codes) if follows_front(codes).all() else None for codes in batches()) if views > 1 else [None]
    if not write(path, (count, ROWS, WIDTH), packed, wait=False):
        write(path, (count, views, LAYERS, WIDTH), batches(), wait=False)


def write(path: Path, shape: tuple[int, ...], batches: Iterable[Codes | None], *, wait: bool) -> bool:
    """Write codes float32 [n, ...] that come in batches. False, and no whole file, if a batch is None.

    wait    until they are on the disk, and not only with the system

    A batch is computed while the system takes the one before, and the disk those before that: left to the end, the
    disk's work takes as long again. So a batch must stay as it is until the next has come. Not through a memory map: a
    full disk is an error then (OSError), and no signal.
    """
    try:
        with path.open("wb") as file, ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as syncer:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            writing, syncing = writer.submit(lambda: 0), syncer.submit(lambda: None)
            for batch in batches:
                writing.result()
                if batch is None:
                    return False
                writing = writer.submit(file.write, np.ascontiguousarray(batch, "<f4").data.cast("B"))
                if wait and syncing.done():
                    syncing.result()
                    syncing = syncer.submit(os.fsync, file.fileno())
            writing.result()
            syncing.result()
            if wait:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    return True


def sample_codes() -> Path:
    """Where the codes of the data set's samples are: as they were normalised here, or as they were published."""
    return files.NORMALISED_CODES if files.NORMALISED_CODES.exists() else files.SAMPLE_CODES


def stored(path: Path) -> Codes:
    """The codes as they are stored, memory-mapped."""
    codes: Codes = np.load(path, mmap_mode="r")
    return codes


def whole(codes: Codes) -> Codes:
    """Stored codes of some samples as float32 [k, V, 18, 512]."""
    return unpack(codes) if codes.shape[1] == ROWS else codes
