"""Telling the studio's archives from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.io

from ffhq_uv.studio.head import ORIGIN, head


def is_studio(topo_assets: Path) -> bool:
    """Whether a ``topo_assets/`` is of the studio's head: the codes beside it are then the studio's people."""
    try:
        landmarks = scipy.io.loadmat(str(topo_assets / "similarity_Lm3D_all.mat"))["lm"]
    except (OSError, KeyError, ValueError):
        return False
    return bool(np.array_equal(landmarks, head().mean[head().keypoints] + ORIGIN))
