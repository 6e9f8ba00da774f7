"""How like the truth a UV map is: PSNR, SSIM, and seams that the truth does not have."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.uint8]
Mask = NDArray[np.bool_]

SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
"""Wang et al. 2004."""
SSIM_LUMINANCE, SSIM_CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Its constants C1 and C2, which keep flat and dark places stable."""

SEAM_SIGMA = 3.0
"""Blur before the gradient of the error is taken, texels: grain is no seam."""
SEAM_PERCENTILE = 99


def psnr(found: Map, true: Map, where: Mask) -> float:
    """Peak signal-to-noise ratio over the texels ``where``, all channels, dB; infinite if nothing differs.

    Maps are uint8 [S, S, 3], ``where`` is bool [S, S]. Raises ValueError if sizes differ or ``where`` is empty.
    """
    _check(found, true, where)
    error = found[where].astype(np.float64) - true[where]
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(255**2 / np.square(error).mean()))


def ssim(found: Map, true: Map, where: Mask) -> float:
    """Mean structural similarity of the luma over ``where``, up to 1 (Wang et al. 2004). Arguments of `psnr`."""
    _check(found, true, where)
    a, b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64) for image in (found, true))

    def mean(image: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(image, (SSIM_WINDOW, SSIM_WINDOW), SSIM_SIGMA), np.float64)

    mean_a, mean_b = mean(a), mean(b)
    variances = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + SSIM_LUMINANCE) / (mean_a**2 + mean_b**2 + SSIM_LUMINANCE)
    structure = (2 * covariance + SSIM_CONTRAST) / (variances + SSIM_CONTRAST)
    return float((luminance * structure)[where].mean())


def seam(found: Map, true: Map, where: Mask) -> float:
    """The spurious gradient: 99th percentile of the blurred error's gradient inside ``where``, grey levels a texel.

    Arguments of `psnr`; ``where`` must not vanish when two texels are taken off its border.
    """
    _check(found, true, where)
    share = where.astype(np.float32)
    error = (found.astype(np.float32) - true.astype(np.float32)).mean(-1) * share
    known = np.maximum(cv2.GaussianBlur(share, (0, 0), SEAM_SIGMA), 1e-3)
    error = cv2.GaussianBlur(error, (0, 0), SEAM_SIGMA) / known
    inner = cv2.erode(share, np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    if not inner.any():
        raise ValueError("the compared texels are all border: no seam can be told from it")
    return float(np.percentile(np.hypot(*np.gradient(error))[inner], SEAM_PERCENTILE))


def _check(found: Map, true: Map, where: Mask) -> None:
    if found.shape != true.shape or found.shape != (*where.shape, 3):
        sizes = f"maps {found.shape} and {true.shape}, texels {where.shape}"
        raise ValueError(f"{sizes}: expected [S, S, 3] twice and [S, S]")
    if not where.any():
        raise ValueError("no texel to compare")
