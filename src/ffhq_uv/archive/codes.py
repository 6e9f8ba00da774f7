"""W+ codes in all the clothes in which people have them: the same numbers, so they are read.

A file is a torch file (of either format) or a ``.npy`` or ``.npz``, and holds an array of any kind of floats, or a dict
with one. Its shape says what it is:

[512], [1, 512]                        W: one row for all layers
[L, 512], [1, L, 512]                  W+, L layers: 18 at 1024, 16 at 512, 14 at 256
[n, L, 512], [n, 1, L, 512]            n codes
[n, 3, L, 512]                         n samples in three views, as `geometry.VIEWS` orders them
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.formats.looks import looks_like
from ffhq_uv.formats.unpickle import UnpickleError, read_torch
from ffhq_uv.formats.zips import Zip, ZipError

WIDTH = 512
LAYERS = range(2, 21, 2)
"""Layers that a network may have: two for every resolution from 4 on."""
KEYS = ("latent", "latents", "w_plus", "wplus", "w+", "ws", "w", "projected_w", "code", "arr_0")
"""What a dict may call its codes."""
SUFFIXES = (".pt", ".pth", ".npy", ".npz")

Codes = NDArray[np.float32]


def decode_codes(data: bytes, name: str) -> Codes:
    """The codes in a file, float32 [n, V, L, 512], V = 3 or 1; L = 1 of a code of W. They may hold NaN or infinity.

    Raises ArchiveError for a file that is damaged or hostile, or holds no codes.
    """
    return as_codes(_array(read_value(data, name), name), name)


def as_codes(array: NDArray[Any], name: str) -> Codes:
    """An array as codes, as `decode_codes`; a float32 array is not copied."""
    shape = array.shape
    if array.dtype.kind != "f" or not shape or shape[-1] != WIDTH:
        raise ArchiveError(f"{name}: holds no W+ code, but {array.dtype} {list(shape)}")
    match shape[:-1]:
        case () | (1,):
            lead = (1, 1, 1)
        case (int(layers),) if layers in LAYERS:
            lead = (1, 1, layers)
        case (int(count), int(layers)) if layers in LAYERS or layers == 1:
            lead = (count, 1, layers)
        case (int(count), 1 | 3 as views, int(layers)) if layers in LAYERS:
            lead = (count, views, layers)
        case _:
            raise ArchiveError(f"{name}: a W+ code of shape {list(shape)}, expected [..., 18, {WIDTH}]")
    return np.asarray(array, np.float32).reshape(*lead, WIDTH)


def open_codes(path: Path) -> Codes:
    """The codes of a ``.npy`` file, memory-mapped if they are float32. Raises ArchiveError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:
        raise ArchiveError(f"{path}: not a readable .npy file ({' '.join(str(error).split())[:200]})") from error
    return as_codes(array, str(path))


def read_value(data: bytes, name: str) -> Any:
    """What a torch file or a NumPy file holds, its tensors as arrays. Raises ArchiveError."""
    if data.startswith(b"\x93NUMPY"):
        return _npy(data, name)
    if name.lower().endswith(".npz"):
        return _npz(data, name)
    try:
        return read_torch(data, name)
    except UnpickleError as error:
        if not data.startswith((b"PK\x03\x04", b"\x80\x02\x8a")):
            raise ArchiveError(f"{name}: not a readable torch file, but {looks_like(data[:512]) or 'none'}") from error
        refused = error
    from ffhq_uv.formats.unpickle.tensors import torch_content  # here: it takes torch, which loads for seconds

    try:
        return _as_arrays(torch_content(data, name))
    except UnpickleError as error:
        raise ArchiveError(str(refused if "refuses" in str(refused) else error)) from error


def _as_arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_arrays(inner) for key, inner in value.items()}
    return value.float().numpy() if hasattr(value, "is_floating_point") and value.is_floating_point() else value


def _array(value: Any, name: str) -> NDArray[Any]:
    """The array of codes in what a file holds."""
    if isinstance(value, dict):
        arrays = [key for key, inner in value.items() if isinstance(inner, np.ndarray)]
        known = [key for key in KEYS if key in arrays] or (arrays if len(arrays) == 1 else [])
        if not known:
            raise ArchiveError(f"{name}: holds no W+ code, but {', '.join(map(repr, list(value)[:5])) or 'nothing'}")
        value = value[known[0]]
    if not isinstance(value, np.ndarray):
        raise ArchiveError(f"{name}: holds no W+ code, but a {type(value).__name__}")
    return value


def _npy(data: bytes, name: str) -> NDArray[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            stream = io.BytesIO(data)
            major, _ = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(stream)
    except Exception as error:
        raise ArchiveError(f"{name}: not a readable .npy file ({' '.join(str(error).split())[:200]})") from error
    content = data[stream.tell() :]
    count = int(np.prod(shape, dtype=object))
    if dtype.hasobject or len(content) != count * dtype.itemsize:
        raise ArchiveError(f"{name}: {dtype} {list(shape)} in {len(content)} bytes, a plain array of numbers expected")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


def _npz(data: bytes, name: str) -> dict[str, NDArray[Any]]:
    try:
        with Zip(data) as archive:
            return {
                member.removesuffix(".npy"): _npy(archive.read(member, 64 << 20, 200), f"{name}!{member}")
                for member in archive.namelist()
            }
    except ZipError as error:
        raise ArchiveError(f"{name}: not a readable .npz file ({error})") from error
