"""Torch files: the small ones of the archives as NumPy arrays, network checkpoints as tensors (`tensors`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
            root = root_of(archive)
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
    """The content of a network checkpoint, its tensors on the CPU.

    Raises UnpickleError where the file is damaged or holds more than weights, FileNotFoundError without it.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; download it, or correct the path")
    from ffhq_uv.formats.unpickle.tensors import torch_content  # here: it loads torch, which takes seconds

    return torch_content(path, name or path.name)


def root_of(archive: Zip) -> str:
    """The folder of a torch zip that holds ``data.pkl``. Torch deflates nothing: a deflated record is a bomb."""
    if not (archive.directory.method == STORED).all():
        raise UnpickleError("refuses compressed records; torch writes none")
    roots = [name.rpartition("/")[0] for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(roots) != 1:
        raise UnpickleError("not a torch file (no data.pkl)")
    order = f"{roots[0]}/byteorder"
    if order in archive.directory.places and archive.read(order, 16) != b"little":
        raise UnpickleError("refuses numbers that are not little-endian")
    return roots[0]
