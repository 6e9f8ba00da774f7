"""Faces in photographs: dlib's detector and its 68 landmarks, as upstream's first step asks for them.

The detector built into dlib sees faces from 80 pixels on, 40 in the doubled picture. Where it finds none, dlib's second
one, a network, looks: it knows faces that are turned or half hidden.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Which = Literal["largest", "last"]
"""Of several faces: the largest, or the last in dlib's list, which upstream takes."""

DETECTION_PIXELS = 1 << 22
"""Most pixels in which faces are looked for, in twice their size: as in every picture up to 2048 x 2048, by upstream.
A larger one is divided by a whole number first: twice 134 megapixels would take gigabytes and minutes."""
SECOND_SIDE = 640
"""Side to which a picture is brought for the second detector."""


@dataclass(frozen=True)
class Face:
    """A face of a photograph.

    landmarks  float64 [68, 2], column and row, whole pixels, in iBUG's order
    faces      how many faces the detector found
    detector   ``hog`` or ``network``
    """

    landmarks: NDArray[np.float64]
    faces: int
    detector: str


class FaceFinder:
    """Finds the face of a photograph.

    landmarks  dlib's ``shape_predictor_68_face_landmarks.dat``
    second     dlib's ``mmod_human_face_detector.dat``; None: no second look

    dlib trusts both files: give those of `ffhq_uv.formats.packaged`, or one of your own making.
    Raises RuntimeError without dlib, ValueError for files that it cannot read.
    """

    def __init__(self, landmarks: Path, second: Path | None, which: Which = "largest") -> None:
        try:
            self._dlib: Any = import_module("dlib")
        except ImportError as error:
            raise RuntimeError(f"photographs need dlib ({error}): pip install -e '.[landmarks]'") from None
        self._which = which
        self._first = self._dlib.get_frontal_face_detector()
        self._predict = self._opened("shape_predictor", landmarks)
        self._second = None if second is None else self._opened("cnn_face_detection_model_v1", second)

    def __call__(self, picture: NDArray[np.uint8]) -> Face | None:
        """The face of a picture uint8 RGB [H, W, 3]; None without one."""
        detector = "hog"
        boxes = self._by_first(picture)
        if not boxes and self._second is not None:
            detector, boxes = "network", self._by_second(picture)
        if not boxes:
            return None
        box = max(boxes, key=lambda box: int(box.area())) if self._which == "largest" else boxes[-1]
        points = self._predict(picture, box).parts()
        return Face(np.array([(point.x, point.y) for point in points], np.float64), len(boxes), detector)

    def _by_first(self, picture: NDArray[np.uint8]) -> list[Any]:
        height, width = picture.shape[:2]
        factor = int(np.ceil(np.sqrt(height * width / DETECTION_PIXELS)))
        seen = picture if factor <= 1 else np.array(Image.fromarray(picture).reduce(factor))
        return [self._scaled(box, max(factor, 1)) for box in self._first(seen, 1)]

    def _by_second(self, picture: NDArray[np.uint8]) -> list[Any]:
        height, width = picture.shape[:2]
        scale = SECOND_SIDE / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        seen = np.array(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
        assert self._second is not None
        return [self._scaled(found.rect, 1 / scale) for found in self._second(seen, 0)]

    def _scaled(self, box: Any, factor: float) -> Any:
        edges = (round(edge * factor) for edge in (box.left(), box.top(), box.right() + 1, box.bottom() + 1))
        left, top, right, bottom = edges
        return self._dlib.rectangle(left, top, right - 1, bottom - 1)

    def _opened(self, kind: str, path: Path) -> Any:
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such model of dlib's")
        try:
            return getattr(self._dlib, kind)(str(path))
        except (RuntimeError, MemoryError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{path}: no {kind} that dlib can read ({reason})") from error
