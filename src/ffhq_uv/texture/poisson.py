"""Poisson completion: colours that keep a guide's gradients and meet the texture around the hole.

result - guide is harmonic in the hole, so only its values on the rim matter. It is solved by successive
over-relaxation in red-black order; no matrix is built.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.kernel import kernel
from ffhq_uv.texture.colour import Colours

TOLERANCE = 2e-3
"""The relaxation stops when no texel moves by more, grey levels."""

SWEEPS_A_ROUND = 16
MAX_ROUNDS = 1000


def complete(texture: NDArray[np.float32], guide: Colours, hole: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Fill the hole [h, w] of a texture [3, h, w]: the Laplacian is the guide's [3, h, w], the rim the
    texture's.

    Texels on the border of the window are never unknown. Not clipped to 0..255.
    """
    hole = hole.copy()
    hole[[0, -1], :] = False
    hole[:, [0, -1]] = False
    if not hole.any():
        return texture.copy()
    rows, columns = (slice(found.min() - 1, found.max() + 2) for found in np.nonzero(hole))
    difference = (texture - guide)[:, rows, columns]
    difference[:, hole[rows, columns]] = 0
    _relax_all(difference, hole[rows, columns])
    result = texture.copy()
    window = result[:, rows, columns]
    np.copyto(window, guide[:, rows, columns] + difference, where=hole[rows, columns])
    return result


def _relax_all(difference: NDArray[np.float32], hole: NDArray[np.bool_]) -> None:
    """Make [3, h, w] harmonic in the hole, in place.

    Red and black texels, like those of a chessboard, are kept in arrays of their own, half as wide: a row of
    one colour is then next to the rows that it is updated from.
    """
    height, width = hole.shape
    # the spectral radius of the plain iteration on the hole's rectangle; no hole in it has a larger one
    jacobi = (math.cos(math.pi / (height - 1)) + math.cos(math.pi / (width - 1))) / 2
    relaxation = np.float32(2 / (1 + math.sqrt(1 - jacobi**2)))
    boards = []
    for colour in range(2):
        value = np.zeros((3, height, (width + 1) // 2), np.float32)
        weight = np.zeros((height, (width + 1) // 2), np.float32)
        for start in range(2):
            first = (start + colour) % 2
            count = len(range(first, width, 2))
            value[:, start::2, :count] = difference[:, start::2, first::2]
            weight[start::2, :count] = hole[start::2, first::2] * relaxation
        boards.append((value, weight))
    (red, red_weight), (black, black_weight) = boards
    for _ in range(MAX_ROUNDS):
        _relax(red, red_weight, black, black_weight, SWEEPS_A_ROUND - 1)
        before = red.copy()
        _relax(red, red_weight, black, black_weight, 1)
        if np.abs(red - before).max() < TOLERANCE:
            break
    for colour, value in enumerate((red, black)):
        for start in range(2):
            first = (start + colour) % 2
            count = len(range(first, width, 2))
            difference[:, start::2, first::2] = value[:, start::2, :count]


@kernel
def _relax(
    red: NDArray[np.float32],
    red_weight: NDArray[np.float32],
    black: NDArray[np.float32],
    black_weight: NDArray[np.float32],
    sweeps: int,
) -> None:
    """Sweep, in place."""
    for _ in range(sweeps):
        _half_sweep(red, red_weight, black, 0)
        _half_sweep(black, black_weight, red, 1)


@kernel
def _half_sweep(own: NDArray[np.float32], weight: NDArray[np.float32], other: NDArray[np.float32], colour: int) -> None:
    """Move the texels of one colour towards the mean of their four neighbours, all of the other colour."""
    quarter = np.float32(0.25)
    for channel in range(own.shape[0]):
        for row in range(1, own.shape[1] - 1):
            right = (row + colour) % 2
            here, above, below = own[channel, row], other[channel, row - 1], other[channel, row + 1]
            beside, moves = other[channel, row], weight[row]
            for column in range(1 - right, len(here) - right):
                mean = quarter * (above[column] + below[column] + beside[column + right - 1] + beside[column + right])
                here[column] += moves[column] * (mean - here[column])
