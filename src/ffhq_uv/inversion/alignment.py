"""The crop of a face that the encoder sees: FFHQ's alignment (Karras et al. 2019, appendix C) as e4e does it at 256.

Places are (column, row) in pixels. The crop is a square that may be turned and may leave the picture, which is then
continued by its mirror image that fades to a blur and to its median colour. Every step rounds as upstream's does: the
same picture and landmarks give the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

SIDE = 256
"""Side of the crop, pixels."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Quad:
    """A square of a picture.

    corners  float64 [4, 2], column and row: upper left, lower left, lower right, upper right as the face sees them
    size     length of its sides, pixels
    """

    corners: Floats
    size: float

    def moved(self, columns: float, rows: float) -> Quad:
        """The same square in a picture whose origin lies elsewhere."""
        return Quad(self.corners + np.array([columns, rows]), self.size)

    def bounds(self) -> tuple[int, int, int, int]:
        """The whole pixels around it: left, top, right, bottom."""
        low, high = np.floor(self.corners.min(0)), np.ceil(self.corners.max(0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def face_quad(landmarks: NDArray[np.number]) -> Quad:
    """The square around a face by its 68 landmarks [68, 2] in iBUG's order.

    It is turned as the eyes and the mouth lie, and as wide as 4 eye distances or 3.6 times the height from eyes to
    mouth, whichever is more. Raises ValueError for landmarks that have no such extent.
    """
    points = np.asarray(landmarks)
    left, right = points[36:42].mean(0), points[42:48].mean(0)
    eyes, mouth = (left + right) * 0.5, (points[48] + points[54]) * 0.5
    across, down = right - left, mouth - eyes
    x = across - np.flipud(down) * (-1, 1)
    length = np.hypot(*x)
    if not length > 0:
        raise ValueError("landmarks whose eyes and mouth lie in one place")
    x /= length
    x *= max(np.hypot(*across) * 2.0, np.hypot(*down) * 1.8)
    y = np.flipud(x) * (-1, 1)
    centre = eyes + down * 0.1
    corners = np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y])
    return Quad(corners, float(np.hypot(*x) * 2))


def align(picture: NDArray[np.uint8], landmarks: NDArray[np.number]) -> NDArray[np.uint8]:
    """The crop uint8 [256, 256, 3] of a face in a picture uint8 RGB [H, W, 3] with its 68 landmarks [68, 2].

    Below a square of 1,024 pixels the crop is sampled without smoothing, as upstream does; above, the picture is
    halved (divided by 3, ...) first. Raises ValueError as `face_quad`, and for a face outside its picture.
    """
    image, quad = _shrunk(Image.fromarray(picture), face_quad(landmarks))
    border = max(int(np.rint(quad.size * 0.1)), 3)
    image, quad = _cropped(image, quad, border)
    image, quad = _padded(image, quad, border)
    corners = (quad.corners + 0.5).flatten()
    crop = image.transform((SIDE, SIDE), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)  # type: ignore[arg-type]
    return np.asarray(crop)


def _shrunk(image: Image.Image, quad: Quad) -> tuple[Image.Image, Quad]:
    """A face of more than twice the size that is wanted, divided by a whole number."""
    factor = int(np.floor(quad.size / SIDE * 0.5))
    if factor <= 1:
        return image, quad
    size = int(np.rint(image.width / factor)), int(np.rint(image.height / factor))
    return image.resize(size, Image.Resampling.LANCZOS), Quad(quad.corners / factor, quad.size / factor)


def _cropped(image: Image.Image, quad: Quad, border: int) -> tuple[Image.Image, Quad]:
    """What lies around the square, with its border."""
    left, top, right, bottom = quad.bounds()
    left, top = max(left - border, 0), max(top - border, 0)
    right, bottom = min(right + border, image.width), min(bottom + border, image.height)
    if left >= right or top >= bottom:
        raise ValueError(f"a face outside its picture of {image.width} x {image.height} pixels")
    box = left, top, right, bottom
    if box == (0, 0, image.width, image.height):
        return image, quad
    return image.crop(box), quad.moved(-left, -top)


def _padded(image: Image.Image, quad: Quad, border: int) -> tuple[Image.Image, Quad]:
    """The picture continued beyond its edges, where the square comes within 4 pixels of one."""
    left, top, right, bottom = quad.bounds()
    wanted = np.maximum([border - left, border - top, right - image.width + border, bottom - image.height + border], 0)
    if wanted.max() <= border - 4:
        return image, quad
    pad_left, pad_top, pad_right, pad_bottom = (int(pad) for pad in np.maximum(wanted, int(np.rint(quad.size * 0.3))))
    pixels = np.pad(np.asarray(image, np.float32), ((pad_top, pad_bottom), (pad_left, pad_right), (0, 0)), "reflect")
    height, width, _ = pixels.shape
    row, column = np.ogrid[:height, :width]
    # 1 at the new edges, 0 at the old ones, falling on towards the middle
    outside = np.maximum(
        1 - np.minimum(np.float32(column) / pad_left, np.float32(width - 1 - column) / pad_right),
        1 - np.minimum(np.float32(row) / pad_top, np.float32(height - 1 - row) / pad_bottom),
    )[:, :, None]
    sigma = quad.size * 0.02
    pixels += (ndimage.gaussian_filter(pixels, (sigma, sigma, 0)) - pixels) * np.clip(outside * 3 + 1, 0, 1)
    pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(outside, 0, 1)
    padded = Image.fromarray(np.uint8(np.clip(np.rint(pixels), 0, 255)))
    return padded, quad.moved(pad_left, pad_top)
