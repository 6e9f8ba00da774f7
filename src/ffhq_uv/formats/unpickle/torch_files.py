"""Torch files: the archives' small ones as NumPy arrays, network checkpoints through torch itself."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ffhq_uv.formats.unpickle.arrays import NUMPY, count_of, numbers
from ffhq_uv.formats.unpickle.machine import Name, Table, UnpickleError, unpickle
from ffhq_uv.formats.zips import STORED, Zip, ZipError

MAX_RECORDS = 100
"""Most records of a small torch file; the published ones have six."""
MAX_PICKLE = 256 << 10
"""Largest pickle in a small torch file, bytes; the published ones have 300 to 1,500."""

_STORAGES = {
    "torch.FloatStorage": "<f4",
    "torch.DoubleStorage": "<f8",
    "torch.HalfStorage": "<f2",
    "torch.LongStorage": "<i8",
    "torch.IntStorage": "<i4",
    "torch.ByteStorage": "|u1",
    "torch.BoolStorage": "|b1",
}


def _rebuild_tensor(
    storage: np.ndarray[Any, Any], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> np.ndarray[Any, Any]:
    count, packed = count_of(size), 1
    for length, step in zip(reversed(size), reversed(stride), strict=True):
        if count and length > 1 and step != packed:
            raise UnpickleError("refuses a tensor that is not contiguous")
        packed *= length
    if not 0 <= offset <= len(storage) - count:
        raise UnpickleError("damaged tensor (larger than its storage)")
    return storage[offset : offset + count].reshape(size)


TORCH: Table = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "collections.OrderedDict": lambda: {},
    **dict.fromkeys(_STORAGES),
    **NUMPY,
}
"""What a torch file of tensors, or of NumPy arrays, names."""


def read_torch(data: bytes, name: str) -> object:
    """The value of a torch file (zip format): tensors, and NumPy arrays pickled with them, as NumPy arrays.

    Device tags and ``requires_grad`` are ignored. Every storage is built once, however often it is named.
    Raises UnpickleError for a damaged file, a deflated record, or a pickle that names anything else.
    """
    try:
        with Zip(data, MAX_RECORDS) as archive:
            root = _torch_root(archive.namelist(), (archive.directory.method == STORED).all())
            order = f"{root}/byteorder"
            if order in archive.directory.places and archive.read(order, 16) != b"little":
                raise UnpickleError("refuses numbers that are not little-endian")
            storages: dict[tuple[str, str], np.ndarray[Any, Any]] = {}

            def storage(reference: object) -> np.ndarray[Any, Any]:
                match reference:
                    case ("storage", Name(kind), str(key), _, int(count)) if kind in _STORAGES:
                        if (key, kind) not in storages:
                            content = archive.read(f"{root}/data/{key}", len(data))
                            storages[key, kind] = numbers(content, np.dtype(_STORAGES[kind]), count)
                        return storages[key, kind]
                raise UnpickleError("damaged torch file (unknown storage reference)")

            return unpickle(archive.read(f"{root}/data.pkl", MAX_PICKLE), TORCH, name, storage)
    except UnpickleError as error:
        raise UnpickleError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None
    except KeyError as error:
        raise UnpickleError(f"{name}: not a readable torch file: no record {error}") from error
    except ZipError as error:
        raise UnpickleError(f"{name}: not a readable torch file: {error}") from error


def load_torch(path: Path, name: str | None = None) -> Any:
    """A network checkpoint, on the CPU, read by torch with ``weights_only=True``.

    Raises UnpickleError where the file is damaged or holds more than weights, FileNotFoundError without it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; download it, or correct the path")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                if len({member.filename for member in members}) != len(members):
                    raise UnpickleError("refuses records of the same name")
                _torch_root(archive.namelist(), all(member.compress_type == STORED for member in members))
        import torch  # here: reading the archives' small files needs no torch, and it takes seconds to load

        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        _damaged(name or path.name, error)


def _torch_root(names: list[str], stored: bool) -> str:
    """The folder of a torch zip that holds ``data.pkl``. Torch deflates nothing: a deflated one is a bomb."""
    if not stored:
        raise UnpickleError("refuses compressed records; torch writes none")
    roots = [name.rpartition("/")[0] for name in names if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise UnpickleError("not a torch file (no data.pkl)")
    return roots[0]


def _damaged(name: str, error: Exception) -> NoReturn:
    """Torch's reason without its advice, which is to load the file unsafely."""
    if refused := re.search(r"GLOBAL (\S+) (?:was not|whose module)", str(error)):
        raise UnpickleError(f"{name}: refuses GLOBAL {refused[1]}; only weights are data") from error
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if reason.startswith("Weights only load failed"):
        reason = "its pickle is damaged, or is none"
    raise UnpickleError(f"{name}: not a readable torch file: {reason}") from error
