"""Which pixels show skin of the face, from parsed classes (upstream's step 4)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

EYES = (4, 5)
SKIN = (1, 2, 3, 4, 5, 10, 12, 13)
"""Classes of the face parsing that count as face: skin, brows, eyes, nose, lips (not the open mouth, 11)."""
EYE_MARGIN = 11
"""Side of the square by which the eyes are dilated before they are taken out, pixels at 1024."""


def skin_mask(classes: NDArray[np.uint8], margin: int = EYE_MARGIN) -> NDArray[np.bool_]:
    """Skin bool [H, W] of parsed classes uint8 [H, W], as upstream's step 4 takes it: face without eyes."""
    eyes = np.isin(classes, EYES).astype(np.uint8)
    around_eyes = np.asarray(cv2.dilate(eyes, np.ones((margin, margin), np.uint8)), np.bool_)
    return np.isin(classes, SKIN) & ~around_eyes


def eye_margin(size: int) -> int:
    """`EYE_MARGIN` for faces of another size: the odd number that is nearest in proportion."""
    return 2 * round((EYE_MARGIN * size / 1024 - 1) / 2) + 1 if size > 1024 / EYE_MARGIN else 1
