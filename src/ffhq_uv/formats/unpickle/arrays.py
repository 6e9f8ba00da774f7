"""NumPy arrays and scalars in pickles, rebuilt from checked sizes without NumPy's reconstructors."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ffhq_uv.formats.unpickle.machine import Name, Table, UnpickleError

MAX_DIMENSIONS = 32
"""Of an array; NumPy's own bound up to version 1."""


@dataclass
class _DType:
    code: str

    def build(self, state: tuple[Any, ...]) -> np.dtype[Any]:
        order = state[1] if state[1] in ("<", ">") else "="
        return np.dtype(self.code if self.code[0] == "O" else order + self.code)


class _Array:
    def build(self, state: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        _, shape, dtype, fortran, content = state
        count = count_of(shape)
        if isinstance(dtype, np.dtype) and dtype.hasobject:
            if not isinstance(content, list) or len(content) != count:
                raise UnpickleError("damaged array (shape and number of objects differ)")
            array = np.empty(count, object)
            for at, value in enumerate(content):
                array[at] = value
        else:
            array = numbers(content, dtype, count)
        return array.reshape(shape, order="F" if fortran else "C")


def count_of(shape: object) -> int:
    """The number of elements of a shape, which must be a tuple of plausible sizes."""
    if not isinstance(shape, tuple) or len(shape) > MAX_DIMENSIONS:
        raise UnpickleError(f"damaged array (shape {reprlib.repr(shape)})")
    if not all(type(size) is int and 0 <= size < 2**40 for size in shape):
        raise UnpickleError(f"damaged array (shape {reprlib.repr(shape)})")
    return math.prod(shape)


def numbers(content: object, dtype: object, count: int) -> np.ndarray[Any, Any]:
    """``count`` numbers of exactly these bytes."""
    if not isinstance(content, bytes) or not isinstance(dtype, np.dtype):
        raise UnpickleError("damaged array (its content is not bytes)")
    if len(content) != count * dtype.itemsize:
        raise UnpickleError(f"damaged array ({count} x {dtype} in {len(content)} bytes)")
    return np.frombuffer(content, dtype).copy()


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    if not isinstance(kind, Name) or kind.name != "numpy.ndarray":
        raise UnpickleError("refuses an array of another class than numpy.ndarray")
    return _Array()


def _scalar(dtype: np.dtype[Any], content: bytes) -> object:
    return numbers(content, dtype, 1)[0]


def _dtype(code: object, *_: object) -> _DType:
    known = {"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "O8"}
    if not isinstance(code, str) or code not in known:  # hashing tuples of tuples of tuples takes forever
        raise UnpickleError(f"refuses dtype {reprlib.repr(code)}")
    return _DType(code)


def _encode(text: str, encoding: str) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise UnpickleError(f"refuses encoding {reprlib.repr(encoding)}")
    return text.encode("latin-1")


NUMPY: Table = {
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    "numpy.ndarray": None,
    "numpy.dtype": _dtype,
    "_codecs.encode": _encode,
    "__builtin__.bytes": lambda: b"",  # protocol 2 has no empty bytes
}
"""What a pickle of NumPy arrays and scalars names."""
