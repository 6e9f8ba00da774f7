"""Codes on disk: 26 of a sample's 54 rows where left and right follow the front in every sample, else all of them.

A ``.npy`` file to memory-map, float32 [n, 26, 512] or [n, V, 18, 512]: its shape says which. Codes are mixed as they
are stored and made whole afterwards (`selection.mix`, `selection.rows`).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ffhq_uv.selection.mix import Codes
from ffhq_uv.selection.rows import ROWS, follows_front, pack, unpack

BATCH = 64
"""Samples in memory at once: 7 MB."""


def shrink(path: Path) -> None:
    """Replace a file of whole codes by the packed one if nothing is lost, which is verified for every sample."""
    codes = stored(path)
    batches = [slice(start, start + BATCH) for start in range(0, len(codes), BATCH)]
    if not all(follows_front(codes[batch]).all() for batch in batches):
        return
    small = path.with_suffix(".packed")
    shape = (len(codes), ROWS, codes.shape[-1])
    out = np.lib.format.open_memmap(small, mode="w+", dtype=np.float32, shape=shape)
    for batch in batches:
        out[batch] = pack(codes[batch])
    out.flush()
    os.replace(small, path)


def stored(path: Path) -> Codes:
    """The codes as they are stored, memory-mapped."""
    codes: Codes = np.load(path, mmap_mode="r")
    return codes


def whole(codes: Codes) -> Codes:
    """Stored codes of some samples as float32 [k, V, 18, 512]."""
    return unpack(codes) if codes.shape[1] == ROWS else codes
