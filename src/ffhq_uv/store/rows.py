"""The rows of a sample's codes that are worth storing: 26 of 54, where left and right follow the front.

In the published files left and right differ from front only in layers 0-3 (yaw). Then the
front's 18 layers and the first 4 of left and right say everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.geometry import FRONT, VIEWS

LAYERS = 18
YAW_LAYERS = 4
"""Layers, from the first, in which left and right differ from front."""

ROWS = LAYERS + YAW_LAYERS * (len(VIEWS) - 1)


def follows_front(codes: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether left and right equal front outside the yaw layers, bit for bit. [n, 3, 18, 512] -> bool [n]."""
    later = np.ascontiguousarray(codes[:, :, YAW_LAYERS:]).view(np.int32)  # bits: -0.0 is not 0.0, NaN is itself
    same: NDArray[np.bool_] = (later == later[:, FRONT : FRONT + 1]).all(axis=(1, 2, 3))
    return same


def pack(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Codes [n, 3, 18, 512] without repetitions, [n, 26, 512]: front, then the yaw layers of left, of right.

    Raises ValueError for a sample that does not follow its front: it would not come back.
    """
    stray = np.flatnonzero(~follows_front(codes))
    if len(stray):
        raise ValueError(
            f"codes: {len(stray)} samples (row {stray[0]} first) differ between the views beyond layer "
            f"{YAW_LAYERS - 1}: store them whole"
        )
    sides = [codes[:, view, :YAW_LAYERS] for view in range(len(VIEWS)) if view != FRONT]
    return np.concatenate([codes[:, FRONT], *sides], axis=1)


def unpack(packed: NDArray[np.float32]) -> NDArray[np.float32]:
    """The codes [n, 3, 18, 512] that were packed to [n, 26, 512]."""
    codes = np.repeat(packed[:, None, :LAYERS], len(VIEWS), axis=1)
    sides = packed[:, LAYERS:].reshape(len(packed), -1, YAW_LAYERS, packed.shape[-1])
    codes[:, [view for view in range(len(VIEWS)) if view != FRONT], :YAW_LAYERS] = sides
    return codes
