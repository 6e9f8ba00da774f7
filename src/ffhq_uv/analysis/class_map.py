"""The best class of every pixel of a face, out of the scores of a smaller picture.

Upstream resizes the scores of all classes (OpenCV's INTER_LINEAR) and takes the best of each pixel: for a face of 1024
that is 80 MB of scores, and more work than the network that made them. A class that is best at the four pixels between
which a pixel lies is best there too, since the pixel's scores are a weighted mean of theirs; so only pixels along the
borders of classes need their scores.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ffhq_uv.kernel import kernel


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Images [B, C, H, W] at another size as OpenCV's INTER_LINEAR does it: no smoothing, pixel centres at halves."""
    return functional.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)


def class_map(scores: Tensor, height: int, width: int) -> Tensor:
    """Classes uint8 [B, height, width] of class scores float32 [B, C, h, w]: the best of the resized scores.

    On a CPU without resizing what cannot change the answer; the same but for pixels where two classes are equally good
    to the last bit.
    """
    if scores.device.type != "cpu":
        return resized(scores, height, width).argmax(1).to(torch.uint8)
    pixels = scores.float().permute(0, 2, 3, 1).contiguous().numpy()
    rows, columns = _between(pixels.shape[1], height), _between(pixels.shape[2], width)
    found = np.empty((len(pixels), height, width), np.uint8)
    for picture, out in zip(pixels, found, strict=True):
        _best(picture, *rows, *columns, out)
    return torch.from_numpy(found)


def _between(before: int, after: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Of every pixel of the resized axis: the two that it lies between, and the weight of the second."""
    place = np.maximum((np.arange(after, dtype=np.float32) + np.float32(0.5)) * np.float32(before / after) - 0.5, 0)
    first = place.astype(np.int64)
    return first, np.minimum(first + 1, before - 1), (place - first).astype(np.float32)


@kernel
def _best(
    scores: NDArray[np.float32],
    top: NDArray[np.int64],
    bottom: NDArray[np.int64],
    down: NDArray[np.float32],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    across: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    height, width, classes = scores.shape
    best = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            found = 0
            for c in range(1, classes):
                if scores[y, x, c] > scores[y, x, found]:
                    found = c
            best[y, x] = found
    one = np.float32(1)
    for y in range(len(top)):
        above, below, v = top[y], bottom[y], down[y]
        for x in range(len(left)):
            before, after, u = left[x], right[x], across[x]
            found = best[above, before]
            if found == best[above, after] and found == best[below, before] and found == best[below, after]:
                out[y, x] = found
                continue
            highest = np.float32(-np.inf)
            for c in range(classes):
                upper = (one - u) * scores[above, before, c] + u * scores[above, after, c]
                lower = (one - u) * scores[below, before, c] + u * scores[below, after, c]
                score = (one - v) * upper + v * lower
                if score > highest:
                    highest = score
                    found = c
            out[y, x] = found
