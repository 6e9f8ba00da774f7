"""Network checkpoints: torch files of both formats as tensors, built by this project from checked sizes.

Torch's own ``weights_only`` reader runs no code, but believes what it reads: a tensor that is larger than its storage
is filled up with whatever lies in memory, one of stride 0 asks for any size, and a file with bytes after its end is
read by other rules than those that it was checked by.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ffhq_uv.formats.unpickle.arrays import NUMPY, count_of
from ffhq_uv.formats.unpickle.machine import Name, Record, Table, UnpickleError, unpickle_from
from ffhq_uv.formats.unpickle.torch_files import root_of
from ffhq_uv.formats.zips import Zip, ZipError

SHARED, EXPANDED = 16, 1 << 28
"""Numbers that the tensors of a file have together, at most: this many for each of its bytes, and this many more for
expanded tensors, which repeat what they hold. Every one of them may be copied later."""
MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How torch files started before they were zips: a pickled number."""

_DTYPES = {
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.ShortStorage": torch.int16,
    "torch.CharStorage": torch.int8,
    "torch.ByteStorage": torch.uint8,
    "torch.BoolStorage": torch.bool,
}
_DTYPES |= {name.replace("torch.", "torch.cuda."): dtype for name, dtype in _DTYPES.items()}


@dataclass
class Budget:
    """How many numbers the tensors of a file may still have."""

    left: int

    def spend(self, count: int) -> None:
        """Take some. Raises UnpickleError when there are no more."""
        self.left -= count
        if self.left < 0:
            raise UnpickleError("refuses tensors that have many times the numbers that the file holds")


@dataclass(frozen=True)
class Storage:
    """Numbers [n] that tensors are views of."""

    numbers: Tensor
    budget: Budget


def rebuild(storage: object, offset: object, size: object, stride: object, *_: object) -> Tensor:
    """A view of a storage. Raises UnpickleError for one that the storage does not hold entirely."""
    count = count_of(size)
    if not isinstance(storage, Storage):
        raise UnpickleError("damaged tensor (without a storage)")
    if not isinstance(stride, tuple) or count_of(stride) < 0 or len(stride) != len(size):  # type: ignore[arg-type]
        raise UnpickleError("damaged tensor (its strides)")
    if type(offset) is not int or offset < 0:
        raise UnpickleError("damaged tensor (its offset)")
    there = len(storage.numbers)
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))  # type: ignore[call-overload]
    if count and last >= there:
        raise UnpickleError(f"damaged tensor (it takes {last + 1} numbers of a storage of {there})")
    storage.budget.spend(count)
    if not count:
        return torch.empty(size, dtype=storage.numbers.dtype)  # type: ignore[call-overload, no-any-return]
    return storage.numbers.as_strided(size, stride, offset)  # type: ignore[arg-type]


class _Ordered(dict[Any, Any]):
    """An ordered dict; what a state dict carries beside its entries (``_metadata``) is left out."""

    def build(self, _: object) -> _Ordered:
        return self


def _first(value: object, *_: object) -> object:
    return value


def _ordered(items: object = ()) -> _Ordered:
    if not isinstance(items, list | tuple) or not all(
        isinstance(item, list | tuple) and len(item) == 2 for item in items
    ):
        raise UnpickleError("damaged ordered dict")
    if not all(isinstance(key, str | int | float) for key, _ in items):
        raise UnpickleError("refuses a dict key that is neither a text nor a number")
    return _Ordered(items)


TENSORS: Table = {
    **NUMPY,
    **dict.fromkeys(_DTYPES),
    **dict.fromkeys(f"torch.{str(dtype).removeprefix('torch.')}" for dtype in _DTYPES.values()),
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_tensor": rebuild,
    "torch._utils._rebuild_parameter": _first,
    "torch.Size": _first,
    "torch.device": lambda *name: ":".join(map(str, name)),
    "collections.OrderedDict": _ordered,
    "argparse.Namespace": partial(Record, "Namespace"),  # the options that a network was trained with
}
"""What the torch file of a state dict names. Sparse, quantised and other tensors are not among it."""


def torch_content(file: Path | bytes, name: str) -> Any:
    """The content of a torch file, or of its bytes: of a zip, or of the stream that torch wrote before 1.6.

    Of a zip one tensor is read after the other, so that a gigabyte is not held twice.
    Raises UnpickleError where it is damaged, or holds more than weights.
    """
    try:
        head = file[: len(MAGIC)] if isinstance(file, bytes) else _head(file)
        if head == MAGIC:
            return _read_stream(file if isinstance(file, bytes) else file.read_bytes())
        if head.startswith(b"PK"):
            return _read_zip(file)
        raise UnpickleError("it is neither a zip nor a stream of torch's")
    except UnpickleError as error:
        if "refuses GLOBAL" in str(error):
            raise UnpickleError(f"{name}: {str(error).partition(';')[0]}; only weights are data") from None
        raise UnpickleError(f"{name}: not a readable torch file: {error}") from None
    except (ZipError, KeyError) as error:
        raise UnpickleError(f"{name}: not a readable torch file: {error}") from error


def _head(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(len(MAGIC))


def _read_zip(file: Path | bytes) -> Any:
    size = len(file) if isinstance(file, bytes) else file.stat().st_size
    with Zip(file) as archive:
        root = root_of(archive)
        storages: dict[tuple[str, str], Storage] = {}
        budget = Budget(SHARED * size + EXPANDED)

        def storage(key: str, kind: str, count: int) -> Storage:
            if (key, kind) not in storages:
                content = archive.read(f"{root}/data/{key}", size)
                storages[key, kind] = Storage(_numbers(content, kind, count), budget)
            return storages[key, kind]

        value, _ = unpickle_from(archive.read(f"{root}/data.pkl", size), 0, TENSORS, _resolving(storage))
        return value


def _read_stream(data: bytes) -> Any:
    """The content comes before its storages: these are made empty, and filled at the end."""
    at = len(MAGIC)
    version, at = unpickle_from(data, at, {})
    system, at = unpickle_from(data, at, {})
    if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UnpickleError("refuses its version, or numbers that are not little-endian")
    storages: dict[str, tuple[Storage, str]] = {}
    left, budget = len(data), Budget(SHARED * len(data) + EXPANDED)

    def storage(key: str, kind: str, count: int) -> Storage:
        nonlocal left
        if key not in storages:
            dtype = _DTYPES[kind]
            left -= count * dtype.itemsize
            if count < 0 or left < 0:
                raise UnpickleError(f"damaged storage (of {count} numbers)")
            storages[key] = Storage(torch.empty(count, dtype=dtype), budget), kind
        found, other = storages[key]
        if other != kind or len(found.numbers) != count:
            raise UnpickleError("damaged torch file (two storages of one name)")
        return found

    value, at = unpickle_from(data, at, TENSORS, _resolving(storage))
    keys, at = unpickle_from(data, at, {})
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        raise UnpickleError("damaged torch file (its storages are not those that it names)")
    for key in keys:
        found, kind = storages[key]
        size = len(found.numbers) * found.numbers.dtype.itemsize
        if data[at : at + 8] != struct.pack("<q", len(found.numbers)) or at + 8 + size > len(data):
            raise UnpickleError("damaged torch file (truncated?)")
        found.numbers.copy_(_numbers(data[at + 8 : at + 8 + size], kind, len(found.numbers)))
        at += 8 + size
    if at != len(data):
        raise UnpickleError(f"damaged torch file ({len(data) - at} bytes after its end)")
    return value


def _resolving(storage: Callable[[str, str, int], Storage]) -> Callable[[object], Storage]:
    """What persistent ids stand for: storages, or (in a stream) parts of storages."""

    def resolve(reference: object) -> Storage:
        match reference:
            case ("storage", Name(kind), str(key), _, int(count)) if kind in _DTYPES:
                return storage(key, kind, count)
            case ("storage", Name(kind), str(key), _, int(count), None) if kind in _DTYPES:
                return storage(key, kind, count)
            case ("storage", Name(kind), str(key), _, int(count), (_, int(start), int(size))) if kind in _DTYPES:
                whole = storage(key, kind, count)
                if not 0 <= start <= start + size <= count:
                    raise UnpickleError("damaged torch file (a part outside of its storage)")
                return Storage(whole.numbers[start : start + size], whole.budget)
        raise UnpickleError("damaged torch file (unknown storage reference)")

    return resolve


def _numbers(content: bytes, kind: str, count: int) -> Tensor:
    dtype = _DTYPES[kind]
    if len(content) != count * dtype.itemsize:
        raise UnpickleError(f"damaged storage ({count} x {dtype} in {len(content)} bytes)")
    return torch.from_numpy(np.frombuffer(content, np.uint8).copy()).view(dtype)
