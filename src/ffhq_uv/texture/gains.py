"""The views' exposure and colour: one factor for each view and channel, so that they agree where they overlap.

A pair's factor is the median of the log ratio of their colours over the texels that both show; three pairs give the
three views' factors by least squares, each pair counting as much as it shares. Their inverses have mean 1: the mean
exposure of the views is kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.geometry import VIEWS

Floats = NDArray[np.float32]

DARKEST, BRIGHTEST = 12.0, 247.0
"""Grey levels between which a colour tells of its light: not drowned in noise, not clipped."""
FEWEST = 100
"""Texels that two views must share to be compared."""


def view_gains(colours: Floats, trust: Floats) -> Floats:
    """Factors float32 [3, 3] (view, channel) of colours [M, 3, 3] (texel, view, channel), ``trust`` [M, 3]."""
    usable = (trust > 0) & (colours.min(-1) > DARKEST) & (colours.max(-1) < BRIGHTEST)
    views = len(VIEWS)
    normal = np.full((views, views), 1e-9)  # no pair at all: no change
    right = np.zeros((views, 3))
    for a in range(views):
        for b in range(a):
            both = usable[:, a] & usable[:, b]
            shared = int(both.sum())
            if shared < FEWEST:
                continue
            ratio = np.median(np.log(colours[both, a] / colours[both, b]), 0)
            normal[[a, b], [a, b]] += shared
            normal[[a, b], [b, a]] -= shared
            right[a] += shared * ratio
            right[b] -= shared * ratio
    exposure = np.exp(np.linalg.lstsq(normal, right, rcond=1e-12)[0])
    return np.asarray(exposure.mean(0) / exposure, np.float32)
