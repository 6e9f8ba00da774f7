"""Pictures from anywhere as RGB: any usual format, upright, 8 bits; no bombs, nothing truncated."""

from __future__ import annotations

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif")
MAX_PIXELS = 1 << 27
"""Largest picture that is decoded: 134 megapixels, 400 MB of RGB."""
MAX_BYTES = 1 << 29


class PhotographError(ValueError):
    """A file is no picture, or a damaged or too large one."""


def read_photograph(data: bytes, name: str) -> NDArray[np.uint8]:
    """The pixels uint8 RGB [H, W, 3] of a picture, turned upright by its EXIF orientation.

    Grey is repeated; transparency is dropped, the colours beneath it stay; CMYK and palettes are converted; 16 bits
    become the upper 8. Colour profiles are not applied (upstream does not, and sRGB needs none). Of an animation, the
    first picture. The size is checked before anything is decoded. Raises PhotographError, with ``name`` and the reason.
    """
    if len(data) > MAX_BYTES:
        raise PhotographError(f"{name}: refuses {len(data)} bytes (at most {MAX_BYTES})")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is looked at below; of EXIF, only the orientation is used
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if not 0 < width * height <= MAX_PIXELS:
                    raise PhotographError(f"{name}: refuses {width} x {height} pixels (at most {MAX_PIXELS})")
                image.load()
                return np.array(_eight_bits(ImageOps.exif_transpose(image)).convert("RGB"))
    except PhotographError:
        raise
    except UnidentifiedImageError:
        raise PhotographError(f"{name}: no picture ({', '.join(FORMATS)})") from None
    except Image.DecompressionBombError:
        raise PhotographError(f"{name}: refuses more than {MAX_PIXELS} pixels") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotographError(f"{name}: damaged picture ({reason})") from error


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture of more bits as one of 8: the upper ones, as of a PNG with 16 bits a colour Pillow keeps them too."""
    if image.mode.startswith("I"):
        return Image.fromarray((np.clip(np.asarray(image, np.int64), 0, 65535) >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point levels, whose range is not known; save it with 8 or 16 bits")
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image
