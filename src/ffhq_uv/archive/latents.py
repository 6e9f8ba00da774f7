"""W+ codes: ``latents/<id>.pt`` and ``<id>_<view>_latent.pt``, the average latent already added."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.unpickle import UnpickleError, read_torch

LAYERS, WIDTH = 18, 512


def decode_latent(data: bytes, name: str) -> NDArray[np.float32]:
    """One W+ code float32 [18, 512], which may hold NaN or infinity.

    The file is a bare tensor (1, 18, 512) or (18, 512), or a dict that holds one as ``latent``.
    Raises ArchiveError.
    """
    value = _read(data, name)
    latent = value.get("latent") if isinstance(value, dict) else value
    if not isinstance(latent, np.ndarray) or latent.dtype != np.float32:
        raise ArchiveError(f"{name}: holds no float32 W+ code")
    if latent.shape not in ((1, LAYERS, WIDTH), (LAYERS, WIDTH)):
        raise ArchiveError(f"{name}: a W+ code of shape {latent.shape}, expected (1, {LAYERS}, {WIDTH})")
    return latent.reshape(LAYERS, WIDTH)


def decode_view_attribute(data: bytes, name: str) -> NDArray[np.float32]:
    """The 17 attributes float32 [17] that a view's code is published with. Raises ArchiveError."""
    value = _read(data, name)
    attribute = value.get("attribute") if isinstance(value, dict) else None
    if not isinstance(attribute, np.ndarray) or attribute.shape != (1, 17, 1, 1):
        raise ArchiveError(f"{name}: holds no attributes of shape (1, 17, 1, 1)")
    return attribute.reshape(17)


def _read(data: bytes, name: str) -> Any:
    try:
        return read_torch(data, name)
    except UnpickleError as error:
        raise ArchiveError(str(error)) from error
