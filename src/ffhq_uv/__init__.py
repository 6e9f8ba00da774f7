"""FFHQ-UV and FFHQ-UV-Interpolate: the program behind the data sets, and the few functions of it that others use.

docs/library.md shows an example of each.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ffhq_uv.chain.library import extract_textures, load_generator
    from ffhq_uv.quality.bs_error import bs_error
    from ffhq_uv.reading.face_textures import FaceTextures

__all__ = ["FaceTextures", "bs_error", "extract_textures", "load_generator"]

_HOME = {
    "FaceTextures": "ffhq_uv.reading.face_textures",
    "bs_error": "ffhq_uv.quality.bs_error",
    "extract_textures": "ffhq_uv.chain.library",
    "load_generator": "ffhq_uv.chain.library",
}
"""Where each lives: it is imported when it is first used, since torch takes seconds."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"ffhq_uv has no {name!r}; it offers {', '.join(__all__)}")
    return getattr(import_module(_HOME[name]), name)
