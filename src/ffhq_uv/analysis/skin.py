"""Which pixels show skin of the face, its eyes and its mouth, from parsed classes (skin: upstream's step 4)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

EYES = (4, 5)
MOUTH = 11
SKIN = (1, 2, 3, 4, 5, 10, 12, 13)
"""Classes of the face parsing that count as face: skin, brows, eyes, nose, lips (not the open mouth, 11)."""
EYE_MARGIN = 11
"""Side of the square by which the eyes are dilated before they are taken out, pixels at 1024."""


def masks(classes: NDArray[np.uint8], margin: int = EYE_MARGIN) -> NDArray[np.bool_]:
    """Skin, eyes and mouth bool [3, V, H, W] of parsed classes uint8 [V, H, W]; none overlaps another."""
    found = np.empty((3, *classes.shape), np.bool_)
    for at, view in enumerate(classes):
        face, around = _is_one_of(view, SKIN), _around_eyes(view, margin)
        found[:, at] = face & ~around, face & around, mouth_mask(view)
    return found


def skin_mask(classes: NDArray[np.uint8], margin: int = EYE_MARGIN) -> NDArray[np.bool_]:
    """Skin bool [H, W] of parsed classes uint8 [H, W], as upstream's step 4 takes it: face without eyes."""
    return _is_one_of(classes, SKIN) & ~_around_eyes(classes, margin)


def eye_mask(classes: NDArray[np.uint8], margin: int = EYE_MARGIN) -> NDArray[np.bool_]:
    """Eyes and what is around them bool [H, W]: the pixels of the face that `skin_mask` leaves out."""
    return _is_one_of(classes, SKIN) & _around_eyes(classes, margin)


def mouth_mask(classes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The inside of the mouth, between the lips; bool [H, W]."""
    return np.asarray(classes == MOUTH)


def _around_eyes(classes: NDArray[np.uint8], margin: int) -> NDArray[np.bool_]:
    eyes = _is_one_of(classes, EYES).view(np.uint8)
    return cv2.dilate(eyes, np.ones((margin, margin), np.uint8)).view(np.bool_)


def _is_one_of(classes: NDArray[np.uint8], wanted: tuple[int, ...]) -> NDArray[np.bool_]:
    """Quicker than `numpy.isin`, or than NumPy's indexing: a table of 256 answers."""
    answers = np.zeros(256, np.uint8)
    answers[list(wanted)] = 1
    return cv2.LUT(classes, answers).view(np.bool_)


def eye_margin(size: int) -> int:
    """`EYE_MARGIN` for faces of another size: the odd number that is nearest in proportion."""
    return 2 * round((EYE_MARGIN * size / 1024 - 1) / 2) + 1 if size > 1024 / EYE_MARGIN else 1
