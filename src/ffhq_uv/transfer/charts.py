"""The charts of a UV layout: its tiles, which triangle holds a texel, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.rasterise import rasterise_uv

FIRST_TILE = 1001
"""UDIM's number of the square 0..1; one more a square to the right, ten more a row up."""
TILES_ACROSS = 10
OVERHANG = 0.05
MAX_TILES = 100
"""Most tiles of a layout; a mesh with more has UV coordinates in other units."""


@dataclass(frozen=True)
class Tile:
    """A tile of a layout, drawn as ``S`` x ``S`` texels.

    number    UDIM's, 1001 for the square 0..1
    face      int64 [S, S], the triangle that holds the texel's centre; -1: none
    weight    float32 [S, S, 3], the centre's barycentric weights in it
    overlaps  texels that more than one triangle covers; the first one takes them
    """

    number: int
    face: NDArray[np.int64]
    weight: NDArray[np.float32]
    overlaps: int


def tiles(mesh: Mesh, size: int) -> Iterator[Tile]:
    """The tiles that hold triangles of a layout, in UDIM's order. Raises ValueError for negative or too many tiles."""
    corners = mesh.uv[mesh.triangles_uv].astype(np.float64)
    home = tile_of(corners)
    if home.min() < 0 or home[:, 0].max() >= TILES_ACROSS or len(found := np.unique(home, axis=0)) > MAX_TILES:
        raise ValueError(
            f"UV coordinates from {mesh.uv.min():g} to {mesh.uv.max():g}: expected UDIM tiles, u from 0 to 10, v from 0"
        )
    for column, row in sorted(found.tolist(), key=lambda tile: (tile[1], tile[0])):
        here = np.flatnonzero((home == (column, row)).all(1))
        yield _draw(mesh, here, (column, row), size)


def tile_of(corners: NDArray[np.floating]) -> NDArray[np.int64]:
    """The tile (column, row) int64 [F, 2] of triangles [F, 3, 2]: the one that holds their centroid.

    Charts that hang over the left or lower border of the first tile by a little belong to it.
    """
    middle = corners.mean(1)
    return np.asarray(np.floor(np.where((middle < 0) & (middle > -OVERHANG), 0, middle)), np.int64)


def flipped(uv: NDArray[np.floating], triangles_uv: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Triangles that turn the other way than most of the layout, bool [F]: mirrored or folded pieces."""
    a, b, c = (uv[triangles_uv[:, corner]].astype(np.float64) for corner in range(3))
    turn = np.sign((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0])
    return np.asarray(turn == (-1 if turn.sum() >= 0 else 1))


def _draw(mesh: Mesh, here: NDArray[np.int64], tile: tuple[int, int], size: int) -> Tile:
    """A tile with these triangles. Drawn from the first to the last and back: where that differs, they overlap."""
    uv = mesh.uv.astype(np.float64) - tile
    face, weight = _first_of(here, mesh, uv, size)
    other, inner = _first_of(here[::-1], mesh, uv, size)
    both = (face != other) & (weight.min(-1) > 1e-5) & (inner.min(-1) > 1e-5)
    return Tile(FIRST_TILE + tile[0] + TILES_ACROSS * tile[1], face, weight, int(both.sum()))


def _first_of(
    order: NDArray[np.int64], mesh: Mesh, uv: NDArray[np.float64], size: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    named = np.repeat(order[:, None], 3, 1)
    index, weight, inside = rasterise_uv(named, mesh.triangles_uv[order], uv, size)
    return np.where(inside, index[..., 0], -1).astype(np.int64), weight
