"""The best class of every pixel of a face, out of the scores of a smaller picture.

The network scores every eighth pixel of the picture that it sees. Upstream enlarges these scores to that picture, then
to the face (OpenCV's INTER_LINEAR), and takes the best of each pixel: for a face of 1024 that is 80 MB of scores, and
more work than the network that made them. A class that is best at the four places between which a pixel lies is best
there too, since the pixel's scores are a weighted mean of theirs; so only pixels along the borders of classes need
their scores.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ffhq_uv.kernel import kernel


class Between(NamedTuple):
    """Of every pixel of a resized axis: the two places that it lies between, and the weight of the second."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: NDArray[np.float32]


def enlarged(scores: Tensor, height: int, width: int) -> Tensor:
    """Scores [B, C, h, w] at another size, bilinear from corner to corner."""
    return functional.interpolate(scores, size=(height, width), mode="bilinear", align_corners=True)


def resized(images: Tensor, height: int, width: int) -> Tensor:
    """Images [B, C, H, W] at another size as OpenCV's INTER_LINEAR does it: no smoothing, pixel centres at halves."""
    return functional.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)


def class_map(scores: Tensor, seen: int, height: int, width: int) -> Tensor:
    """Classes uint8 [B, height, width] of class scores [B, C, h, w]: the best of `resized` of `enlarged` scores.

    seen    side of the picture that the network saw, to which scores are enlarged first

    On a CPU without resizing what cannot change the answer; the same but for pixels where two classes are equally good
    to the last bit.
    """
    if scores.device.type != "cpu":
        return resized(enlarged(scores.float(), seen, seen), height, width).argmax(1).to(torch.uint8)
    places = scores.float().permute(0, 2, 3, 1).contiguous().numpy()
    corners = [_between_corners(side, seen) for side in places.shape[1:3]]
    centres = [_between_centres(seen, side) for side in (height, width)]
    found = np.empty((len(places), height, width), np.uint8)
    for picture, out in zip(places, found, strict=True):
        _best(picture, corners[0], corners[1], centres[0], centres[1], out)
    return torch.from_numpy(found)


def _between_corners(before: int, after: int) -> Between:
    return _between(np.arange(after, dtype=np.float32) * np.float32((before - 1) / max(after - 1, 1)), before)


def _between_centres(before: int, after: int) -> Between:
    place = (np.arange(after, dtype=np.float32) + np.float32(0.5)) * np.float32(before / after) - np.float32(0.5)
    return _between(np.maximum(place, 0), before)


def _between(place: NDArray[np.float32], before: int) -> Between:
    first = np.minimum(place.astype(np.int64), before - 1)
    return Between(first, np.minimum(first + 1, before - 1), (place - first).astype(np.float32))


@kernel
def _mix(first: np.float32, second: np.float32, weight: np.float32) -> np.float32:
    return (np.float32(1) - weight) * first + weight * second


@kernel
def _score(scores: NDArray[np.float32], rows: Between, columns: Between, y: int, x: int, c: int) -> np.float32:
    """The enlarged score of a class at a pixel of the picture that the network saw."""
    top, bottom, left, right = rows.first[y], rows.second[y], columns.first[x], columns.second[x]
    upper = _mix(scores[top, left, c], scores[top, right, c], columns.weight[x])
    lower = _mix(scores[bottom, left, c], scores[bottom, right, c], columns.weight[x])
    return _mix(upper, lower, rows.weight[y])


@kernel
def _agreement(above: NDArray[np.uint8], below: NDArray[np.uint8], agreed: NDArray[np.bool_]) -> None:
    """Of every place of a row: whether it, the next one, and those below have the same class."""
    last = len(above) - 1
    for x in range(last):
        agreed[x] = (above[x] == above[x + 1]) & (above[x] == below[x]) & (above[x] == below[x + 1])
    agreed[last] = above[last] == below[last]


@kernel
def _best(
    scores: NDArray[np.float32],
    corner_rows: Between,
    corner_columns: Between,
    rows: Between,
    columns: Between,
    out: NDArray[np.uint8],
) -> None:
    height, width, classes = scores.shape
    coarse = np.empty((height, width), np.uint8)
    for y in range(height):
        for x in range(width):
            coarse[y, x] = np.argmax(scores[y, x])
    fine = np.empty((len(corner_rows.first), len(corner_columns.first)), np.uint8)
    agreed = np.empty(max(coarse.shape[1], fine.shape[1]), np.bool_)
    for y in range(fine.shape[0]):
        top = corner_rows.first[y]
        _agreement(coarse[top], coarse[corner_rows.second[y]], agreed)
        for x in range(fine.shape[1]):
            left = corner_columns.first[x]
            found = coarse[top, left]
            if not agreed[left]:
                highest = np.float32(-np.inf)
                for c in range(classes):
                    score = _score(scores, corner_rows, corner_columns, y, x, c)
                    if score > highest:
                        highest, found = score, np.uint8(c)
            fine[y, x] = found
    for y in range(out.shape[0]):
        top, bottom = rows.first[y], rows.second[y]
        _agreement(fine[top], fine[bottom], agreed)
        for x in range(out.shape[1]):
            left, right = columns.first[x], columns.second[x]
            found = fine[top, left]
            if not agreed[left]:
                highest = np.float32(-np.inf)
                for c in range(classes):
                    upper = _mix(
                        _score(scores, corner_rows, corner_columns, top, left, c),
                        _score(scores, corner_rows, corner_columns, top, right, c),
                        columns.weight[x],
                    )
                    lower = _mix(
                        _score(scores, corner_rows, corner_columns, bottom, left, c),
                        _score(scores, corner_rows, corner_columns, bottom, right, c),
                        columns.weight[x],
                    )
                    score = _mix(upper, lower, rows.weight[y])
                    if score > highest:
                        highest, found = score, np.uint8(c)
            out[y, x] = found
