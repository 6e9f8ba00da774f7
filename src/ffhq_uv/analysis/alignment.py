"""From a face's landmarks to the crop that the reconstruction network sees ("POS" in Deep3D's code).

Five landmarks and the same five points of the mean head give, by least squares, the affine map from head to picture;
its scale and the image of the head's origin say how to resize the face and where to cut. In this file y counts from
the bottom, as upstream has it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ffhq_uv.camera import CROP, Alignment
from ffhq_uv.formats.mat import MatError, read_mat

Floats = NDArray[np.float64]

SCALE = 102.0
"""Pixels of the crop that one model unit takes."""
LARGEST = 10 * CROP
"""Largest side of the resized face, pixels; a good alignment of a face that fills its picture has about 270."""

ALIGNED_FACE = {
    "left": ((0.390, 0.472), (0.604, 0.475), (0.553, 0.596), (0.438, 0.745), (0.588, 0.743)),
    "front": ((0.384, 0.472), (0.616, 0.472), (0.500, 0.595), (0.414, 0.724), (0.586, 0.724)),
    "right": ((0.396, 0.475), (0.610, 0.472), (0.447, 0.596), (0.412, 0.743), (0.562, 0.745)),
}
"""The five points in each view of a face that is aligned as FFHQ's are: (column, row) in shares of the picture.

They are those of the published sample 01223, each averaged with its mirror image in the opposite view.
"""


class AlignmentError(ValueError):
    """The landmarks do not lie like those of a face."""


def five_points(landmarks: Tensor) -> Tensor:
    """The points of alignments, [..., 5, D] of iBUG landmarks [..., 68, D].

    Image-left eye, image-right eye (each the middle of its corners), nose tip, left and right mouth corner.
    """
    left = (landmarks[..., 36, :] + landmarks[..., 39, :]) / 2
    right = (landmarks[..., 42, :] + landmarks[..., 45, :]) / 2
    return torch.stack([left, right, *(landmarks[..., index, :] for index in (30, 48, 54))], dim=-2)


def aligned_points(view: str, width: int, height: int) -> Floats:
    """Where the five points of an FFHQ-aligned face are on average: [5, 2], column and row in pixels."""
    return np.array(ALIGNED_FACE[view]) * (width, height) - 0.5


def load_model_points(path: Path) -> Floats:
    """The five points [5, 3] of the mean head in ``similarity_Lm3D_all.mat``, model units.

    It is not the file of the same name that Deep3D comes with: that one gives wrong origins.
    Raises FileNotFoundError, or ValueError for a file of something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there; it is part of the published topo_assets/")
    try:
        landmarks = read_mat(path, ["lm"]).get("lm", np.empty(0)).astype(np.float64)
    except MatError as error:
        raise ValueError(f"{path}: not a readable MATLAB file of v5 to v7 ({error}); download it again") from error
    if landmarks.shape != (68, 3) or not np.isfinite(landmarks).all():
        raise ValueError(f"{path}: lm has shape {landmarks.shape}, expected 68 finite points (68, 3)")
    return five_points(torch.from_numpy(landmarks)).numpy()


def align(points: Floats, model: Floats, width: int, height: int) -> Alignment:
    """The alignment of a face by five points [5, 2] (pixels, y up) and the model's [5, 3].

    Raises AlignmentError for points that make the resized face larger than ten crops, or nothing.
    """
    design = np.concatenate([model, np.ones((5, 1))], axis=1)
    affine, *_ = np.linalg.lstsq(design, points)  # [4, 2]: rows of x, y, z and of the origin
    scale = 2 * SCALE / max(float(np.linalg.norm(affine[:3], axis=0).sum()), 1e-9)
    tx, ty = affine[3]
    if not 1 <= min(width, height) * scale <= max(width, height) * scale <= LARGEST:
        raise AlignmentError(f"the landmarks ask for a face resized by {scale:.3g}")
    return Alignment(width, height, scale, float(tx), float(ty))


def crop_origin(alignment: Alignment) -> tuple[int, int]:
    """Column and row of the crop's corner in the resized face, truncated towards zero as upstream does."""
    width, height = resized_size(alignment)
    left = width / 2 - CROP / 2 + (alignment.tx - alignment.width / 2) * alignment.scale
    top = height / 2 - CROP / 2 + (alignment.height / 2 - alignment.ty) * alignment.scale
    return int(left), int(top)


def resized_size(alignment: Alignment) -> tuple[int, int]:
    """Width and height of the resized face, pixels."""
    return int(alignment.width * alignment.scale), int(alignment.height * alignment.scale)


def cut(face: NDArray[np.uint8], alignment: Alignment) -> NDArray[np.uint8]:
    """The crop uint8 [224, 224, 3] of a face uint8 [H, W, 3]: resized (bicubic), cut, black outside."""
    left, top = crop_origin(alignment)
    resized = Image.fromarray(face).resize(resized_size(alignment), Image.Resampling.BICUBIC)
    return np.asarray(resized.crop((left, top, left + CROP, top + CROP)))
