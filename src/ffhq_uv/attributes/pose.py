"""How a face is turned: yaw and pitch in degrees, from six landmarks and a head of average proportions.

Rough: the head is nobody's, and a landmark is a whole pixel. Scale and offset were set by four pictures of one person,
whose poses are published (sample 01223: yaw 11.2, and edited to 30, 0 and -30); there, yaw is off by 3 degrees at most.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_POINTS = (30, 8, 36, 45, 48, 54)
"""Nose tip, chin, outer eye corners, mouth corners, of the 68."""
_HEAD = np.array(
    [(0, 0, 0), (0, 330, 65), (-225, -170, 135), (225, -170, 135), (-150, 150, 125), (150, 150, 125)], np.float64
)
"""The same points on the head: to the image's right, down, and away from the camera."""
FOCAL = 4.0
"""Focal length in sides of the picture; it hardly matters."""
YAW_SCALE, PITCH_SCALE, PITCH_OFFSET = 0.8, -0.6, 6.0


def pose(landmarks: NDArray[np.float64], height: int, width: int) -> tuple[float, float]:
    """Yaw (positive turns the nose to larger columns) and pitch (positive looks up), degrees.

    landmarks  [68, 2], column and row, in a picture of this height and width
    """
    focal = FOCAL * max(height, width)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    points = np.ascontiguousarray(landmarks[list(_POINTS)], np.float64)
    found, turn, _ = cv2.solvePnP(_HEAD, points, camera, None, flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        raise ValueError("landmarks of no head")
    nose = -cv2.Rodrigues(turn)[0][:, 2]
    yaw = np.degrees(np.arctan2(nose[0], -nose[2]))
    pitch = np.degrees(np.arcsin(np.clip(nose[1], -1, 1)))
    return round(YAW_SCALE * float(yaw), 1), round(PITCH_SCALE * (float(pitch) + PITCH_OFFSET), 1)
