"""Telling the studio's archives from others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ffhq_uv.formats.mat import read_mat
from ffhq_uv.studio.head import ORIGIN, head


def is_studio(topo_assets: Path) -> bool:
    """Whether a ``topo_assets/`` is of the studio's head: the codes beside it are then the studio's people."""
    try:
        landmarks = read_mat(topo_assets / "similarity_Lm3D_all.mat", ["lm"])["lm"]
    except (OSError, KeyError, ValueError):
        return False
    return bool(np.array_equal(landmarks, head().mean[head().keypoints] + ORIGIN))
