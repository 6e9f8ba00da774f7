"""Codes on disk: 26 of a sample's 54 rows where left and right follow the front in every sample, else all of them.

A ``.npy`` file to memory-map, float32 [n, 26, 512] or [n, V, 18, 512]: its shape says which. Codes are mixed as they
are stored and made whole afterwards (`selection.mix`, `selection.rows`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from ffhq_uv.selection.mix import Codes, let_go
from ffhq_uv.selection.rows import ROWS, follows_front, pack, unpack

BATCH = 64
"""Samples in memory at once: 3.4 MB, or 7 MB of whole codes; beside them up to 256 MB of mapped parents' pages."""


def shrink(path: Path) -> None:
    """Replace a file of whole codes by the packed one if nothing is lost, which is verified for every sample."""
    codes = stored(path)
    for start in range(0, len(codes), BATCH):
        if not follows_front(codes[start : start + BATCH]).all():
            return
        let_go(codes)

    def fill(batch: slice, out: Codes) -> None:
        out[:] = pack(codes[batch])
        let_go(codes)

    small = path.with_suffix(".packed")
    write(small, (len(codes), ROWS, codes.shape[-1]), fill)
    os.replace(small, path)


def write(path: Path, shape: tuple[int, ...], fill: Callable[[slice, Codes], object]) -> None:
    """Write a file of codes float32 [n, ...], and wait until it is on the disk.

    ``fill(batch, out)`` computes the samples of a slice into ``out``, while the system takes those before and the
    disk those before them: left to the end, the disk's work takes as long again.
    """
    two = np.empty((2, min(BATCH, shape[0]), *shape[1:]), np.float32)
    with path.open("wb") as file, ThreadPoolExecutor(1) as writer, ThreadPoolExecutor(1) as syncer:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        writing, syncing = writer.submit(lambda: 0), syncer.submit(lambda: None)
        for number, start in enumerate(range(0, shape[0], BATCH)):
            out = two[number % 2, : shape[0] - start]
            fill(slice(start, start + len(out)), out)
            writing.result()
            writing = writer.submit(file.write, out.data.cast("B"))
            if syncing.done():
                syncing.result()
                syncing = syncer.submit(os.fsync, file.fileno())
        writing.result()
        syncing.result()
        file.flush()
        os.fsync(file.fileno())


def stored(path: Path) -> Codes:
    """The codes as they are stored, memory-mapped."""
    codes: Codes = np.load(path, mmap_mode="r")
    return codes


def whole(codes: Codes) -> Codes:
    """Stored codes of some samples as float32 [k, V, 18, 512]."""
    return unpack(codes) if codes.shape[1] == ROWS else codes
