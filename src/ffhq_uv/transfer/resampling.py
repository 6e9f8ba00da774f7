"""One map after the other through a correspondence: bicubic, and averaged where the target is coarser."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.transfer.correspondence import Correspondence


class Resampler:
    """Moves maps uint8 [S0, S0, 3] of one size to one tile; made once, since it is as large as the tile."""

    def __init__(self, correspondence: Correspondence, source_size: int) -> None:
        """Where each sample lies, in pixels of maps of this size."""
        place = correspondence.place * np.float32(source_size) - np.float32(0.5)
        self.size, self.factor = len(correspondence.inside), correspondence.factor
        # OpenCV's fixed point: what `remap` makes of floats each time, to 1/32 of a texel.
        self._whole, self._part = cv2.convertMaps(place, None, cv2.CV_16SC2)  # type: ignore[call-overload]

    def __call__(self, uv_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The tile uint8 [S, S, 3]."""
        moved = cv2.remap(uv_map, self._whole, self._part, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        if self.factor > 1:
            moved = cv2.resize(moved, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return np.asarray(moved, np.uint8)
