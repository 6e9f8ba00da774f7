"""Skin tone of UV maps: the individual typology angle (ITA) of the cheeks.

ITA = atan2(L* - 50, b*) in degrees, of CIE Lab under D65 (Chardon et al., 1991); the six classes are those
of Del Bino and Bernerd, 2013. The cheeks are two boxes of the published UV layout, between the lower lids
(row 400) and the mouth (row 594), outside the wings of the nose, above the beard. Light that normalisation
left in a map shifts its ITA: the class of one map is rough, the shares over a data set are what to read.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

CHEEKS = ((430, 510, 310, 410), (430, 510, 614, 714))
"""Boxes (row0, row1, column0, column1; ends excluded) in a UV map of 1024, mirror images of each other."""

_MIN_SHARE = 0.1  # of the cheeks' texels must be covered
_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_WHITE = (0.95047, 1.0, 1.08883)


def skin_tone(maps: Tensor, coverage: Tensor) -> Tensor:
    """ITA of the cheeks of every map, degrees.

    maps        uint8 [B, S, S, 3], sRGB
    coverage    bool [B, V, S, S]: only texels taken from a view count, not the template's

    Returns float32 [B]: the ITA of the median L* and b*; NaN where under a tenth of the cheeks is covered.
    """
    size = maps.shape[1]
    boxes = [tuple(round(edge * size / 1024) for edge in box) for box in CHEEKS]
    texels = torch.cat([maps[:, r0:r1, c0:c1].flatten(1, 2) for r0, r1, c0, c1 in boxes], dim=1)
    covered = torch.cat([coverage[:, :, r0:r1, c0:c1].any(1).flatten(1) for r0, r1, c0, c1 in boxes], dim=1)
    lab = srgb_to_lab(texels).masked_fill(~covered[..., None], math.nan)
    lightness, _, yellow = lab.nanmedian(dim=1).values.unbind(-1)
    return ita(lightness, yellow).masked_fill(covered.float().mean(1) < _MIN_SHARE, math.nan)


def ita(lightness: Tensor, yellow: Tensor) -> Tensor:
    """Individual typology angle, degrees, of L* and b*.

    For b* > 0, as skin has it, the textbook's arctan((L* - 50) / b*); atan2 keeps bluish texels in order.
    """
    return torch.rad2deg(torch.atan2(lightness - 50, yellow))


def srgb_to_lab(colours: Tensor) -> Tensor:
    """CIE L*a*b* (D65, 2 degrees) float32 [..., 3] of sRGB colours uint8 [..., 3] (IEC 61966-2-1)."""
    value = colours.float() / 255
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ linear.new_tensor(_XYZ).T / linear.new_tensor(_WHITE)
    delta = 6 / 29
    f = torch.where(xyz > delta**3, xyz.clamp(min=1e-9) ** (1 / 3), xyz / (3 * delta**2) + 4 / 29)
    x, y, z = f.unbind(-1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=-1)
