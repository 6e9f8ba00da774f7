"""Values as scripts that a page loads, and arrays and pictures as text inside them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def script(name: str, value: Any) -> str:
    """A script that hands a value to the page, ``FFHQ_UV.<name>(value)``. NaN is refused with ValueError."""
    return f"FFHQ_UV.{name}({json.dumps(value, allow_nan=False, separators=(',', ':'))});\n"


def packed(values: NDArray[Any] | str) -> str:
    """An array, little endian, or a text: gzip in base64, for the page's ``unpack``.

    The bytes of numbers of several bytes are sorted by their place (all lowest bytes first), which shortens them.
    """
    if isinstance(values, str):
        plain = values.encode()
    else:
        flat = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).reshape(-1)
        plain = np.ascontiguousarray(flat.view(np.uint8).reshape(len(flat), flat.itemsize).T).tobytes()
    return base64.b64encode(gzip.compress(plain, 6, mtime=0)).decode()


def picture(pixels: NDArray[np.uint8], quality: int) -> str:
    """RGB pixels uint8 [H, W, 3] as the address of a WebP that holds it (``data:``)."""
    return "data:image/webp;base64," + base64.b64encode(webp(pixels, quality)).decode()


def webp(pixels: NDArray[np.uint8], quality: int) -> bytes:
    """RGB pixels uint8 [H, W, 3] as WebP; quality 1..100."""
    done, encoded = cv2.imencode(".webp", pixels[..., ::-1], [cv2.IMWRITE_WEBP_QUALITY, quality])
    if not done:
        raise ValueError(f"a picture of {pixels.shape} could not be written as WebP")
    return encoded.tobytes()
