"""Light of an inverted face: ``lights/<id>.npy``."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.containers import ArchiveError


def decode_light(data: bytes, name: str) -> NDArray[np.float32]:
    """Nine grey spherical harmonics coefficients float32 [9]: 1, Y, Z, X, YX, YZ, 3Z²-1, XZ, X²-Y².

    The header must declare float32 (1, 9, 1, 1) before anything is read by it. Raises ArchiveError.
    """
    stream = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a header of Python 2 is evaluated by other rules
            version = np.lib.format.read_magic(stream)
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream) if version == (1, 0) else (version, 0, None)
    except Exception as error:
        raise ArchiveError(f"{name}: not a readable .npy file ({error})") from error
    content = data[stream.tell() :]
    if shape != (1, 9, 1, 1) or dtype != np.dtype("<f4") or len(content) != 36:
        raise ArchiveError(f"{name}: {dtype} {shape} in {len(content)} bytes, expected float32 (1, 9, 1, 1) in 36")
    return np.frombuffer(content, "<f4").astype(np.float32)
