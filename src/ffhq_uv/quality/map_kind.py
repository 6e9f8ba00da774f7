"""Pictures in a UV layout that are no textures (masks, normals, ...): by name, or by what they show."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_KINDS = {
    "mask": r"masks?|valid|seg|segmentation|seg_result|alpha|opacity",
    "normal map": r"normals?|nrm|tangent|bump|displacement|disp|height",
    "occlusion map": r"ao|ambient_occlusion|occlusion|cavity",
    "material map": r"specular|spec|roughness|gloss|metallic|translucency|sss|light_normalized",
    "template": r"template|template_base_uv|mean_texture",
}
_NAMES = {kind: re.compile(rf"(^|[_\W])({words})($|[_\W])", re.I) for kind, words in _KINDS.items()}
_FACE = re.compile(r"^\d{5,6}_(left|front|right)$", re.I)


def kind_by_name(stem: str) -> str | None:
    """What a picture is instead of a texture, by its name without suffix; None where it may be one."""
    if _FACE.match(stem):
        return "face"
    return next((kind for kind, pattern in _NAMES.items() if pattern.search(stem)), None)


def kind_by_content(pixels: NDArray[np.uint8]) -> str | None:
    """What a picture uint8 [H, W, 3] shows instead of a texture; None where it may be one.

    A mask is grey and of few values; an occlusion map is grey; a normal map in tangent space is (0.5, 0.5, 1) nearly
    everywhere; of one colour, black above all, nothing can be said.
    """
    sample = pixels[:: max(1, pixels.shape[0] // 256), :: max(1, pixels.shape[1] // 256)].reshape(-1, 3)
    if (sample == sample[0]).all() and (pixels == sample[0]).all():
        return "picture of one colour"
    if (sample[:, 0] == sample[:, 1]).all() and (sample[:, 0] == sample[:, 2]).all():
        return "mask" if len(np.unique(sample[:, 0])) <= 16 else "grey picture (occlusion, height or a mask)"
    red, green, blue = np.median(sample, axis=0)
    if abs(red - 128) <= 12 and abs(green - 128) <= 12 and blue >= 220:
        return "normal map"
    return None
