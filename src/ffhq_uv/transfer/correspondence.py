"""Where every texel of a target layout takes its colour in the source layout: made once for two topologies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.transfer.charts import Tile, flipped, tile_of, tiles
from ffhq_uv.transfer.nearest import Surface
from ffhq_uv.transfer.registration import FAR

MAX_FACTOR = 8
"""Most samples a side of a target texel."""
Find = Callable[[Tile], tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Source UV coordinates [K, K, 2] of a tile's texels, and which of them have any."""


@dataclass(frozen=True)
class Correspondence:
    """A tile of the target layout of ``S`` x ``S`` texels, each sampled ``factor`` x ``factor`` times (K = S factor).

    number    UDIM's, 1001 for the square 0..1
    place     float32 [K, K, 2], where each sample lies in the source square: to the right and down, 0..1. Outside the
              charts, that of the nearest sample inside: colours run on as far as the tile goes, for every mip level
    inside    bool [S, S], texels of the charts
    factor    samples a side of a texel
    """

    number: int
    place: NDArray[np.float32]
    inside: NDArray[np.bool_]
    factor: int


@dataclass(frozen=True)
class Report:
    """What is to know of a transfer.

    covered    share of the tiles' texels that lie in charts and have a source
    density    source texels a side of a target texel, median
    flipped    triangles that turn the other way than most, in the target's layout
    overlaps   texels that several triangles cover
    without    triangles that the source has no colour for: in other tiles of its layout, or no surface near
    triangles  of the target
    """

    covered: float
    density: float
    flipped: int
    overlaps: int
    without: int
    triangles: int


def same_triangles(a: Mesh, b: Mesh) -> bool:
    """Whether two meshes are one with two UV layouts."""
    return len(a.vertices) == len(b.vertices) and np.array_equal(a.triangles, b.triangles)


def by_layouts(
    layout: Mesh, target: Mesh, size: int, source_size: int, *, filtered: bool = True
) -> tuple[list[Correspondence], Report]:
    """The correspondence of one mesh with two layouts: ``layout`` has that of the maps, ``target`` the other.

    size           side of the target's tiles, texels
    source_size    side of the maps, texels
    filtered       maps that are finer than the target are averaged, so that they do not alias. Not wanted where a map
                   only comes back from a larger layout: what it had is then in every second texel, exactly
    """
    corners = layout.uv[layout.triangles_uv]
    there = (tile_of(corners) == 0).all(1)

    def find(tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        uv = np.einsum("ijk,ijkc->ijc", tile.weight, corners[tile.face])
        return uv.astype(np.float32), (tile.face >= 0) & there[tile.face]

    areas, source_areas = _areas(target.uv[target.triangles_uv]), _areas(corners)
    density = _density(source_areas[there], areas[there]) * source_size / size
    return _build(target, find, size, _factor(density, filtered), density, int((~there).sum()))


def by_surface(
    source: Mesh, target: Mesh, placed: NDArray[np.float32], size: int, source_size: int, *, filtered: bool = True
) -> tuple[list[Correspondence], Report]:
    """The correspondence of two heads without common triangles: the nearest surface that faces the same way.

    placed    float32 [N, 3], the target's vertices, on the source's surface
    """
    corners = source.uv[source.triangles_uv]
    there = np.flatnonzero((tile_of(corners) == 0).all(1))
    surface = Surface.of(source.vertices, source.triangles[there])
    height = float(np.ptp(source.vertices[:, 1]))
    at = placed.astype(np.float64)[target.triangles]
    normals, space = _normals(at)
    _, source_space = _normals(source.vertices.astype(np.float64)[source.triangles[there]])
    met = surface.nearest(at.mean(1), normals)
    near = met.distance < FAR * height

    def find(tile: Tile) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        uv, inside = np.zeros((*tile.face.shape, 2), np.float32), tile.face >= 0
        face = tile.face[inside]
        found = surface.nearest(np.einsum("nk,nkc->nc", tile.weight[inside], at[face]), normals[face])
        uv[inside] = np.einsum("nk,nkc->nc", found.weight, corners[there[found.triangle]])
        inside[inside] = found.distance < FAR * height
        return uv, inside

    # A target triangle covers as much of the source's layout as the source triangle beside it does, for its size.
    share = space / np.maximum(source_space[met.triangle], 1e-300)
    areas = _areas(target.uv[target.triangles_uv])
    density = _density((_areas(corners[there])[met.triangle] * share)[near], areas[near]) * source_size / size
    return _build(target, find, size, _factor(density, filtered), density, int((~near).sum()))


def _factor(density: float, filtered: bool) -> int:
    return int(np.clip(np.ceil(density - 0.25), 1, MAX_FACTOR)) if filtered else 1


def _build(
    target: Mesh, find: Find, size: int, factor: int, density: float, without: int
) -> tuple[list[Correspondence], Report]:
    found, overlaps = [], 0
    for tile in tiles(target, size * factor):
        uv, inside = find(tile)
        overlaps += tile.overlaps // factor**2
        if inside.any():
            place = np.stack([uv[..., 0], 1 - uv[..., 1]], -1)
            texels = np.asarray(inside.reshape(size, factor, size, factor).any((1, 3)))
            found.append(Correspondence(tile.number, padded(place, inside), texels, factor))
    if not found:
        raise ValueError("no texel of the target layout has a source: these heads have nothing in common")
    report = Report(
        covered=float(np.mean([tile.inside.mean() for tile in found])),
        density=density,
        flipped=int(flipped(target.uv, target.triangles_uv).sum()),
        overlaps=overlaps,
        without=without,
        triangles=len(target.triangles),
    )
    return found, report


def padded(values: NDArray[np.float32], inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Values [K, K, C] whose entries outside are those of the nearest entry inside."""
    return np.asarray(values.reshape(inside.size, -1)[nearest_inside(inside)].reshape(values.shape))


def nearest_inside(inside: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of every entry of bool [K, K] the nearest one inside, int64 [K, K], counted row by row: inside, itself."""
    # Every entry gets the label of the nearest one inside; entries inside have labels of their own.
    _, labels = cv2.distanceTransformWithLabels(
        (~inside).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    entry = np.zeros(labels.max() + 1, np.int64)
    entry[labels[inside]] = np.flatnonzero(inside)
    return np.asarray(entry[labels], np.int64)


def _areas(corners: NDArray[np.float32]) -> NDArray[np.float64]:
    """Twice the areas of triangles [F, 3, 2] of a layout."""
    a, b = (corners[:, k].astype(np.float64) - corners[:, 0] for k in (1, 2))
    return np.asarray(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]))


def _normals(corners: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Unit normals [F, 3] of triangles [F, 3, 3], and twice their areas."""
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    areas = np.linalg.norm(flat, axis=1)
    return flat / np.maximum(areas, 1e-300)[:, None], areas


def _density(source: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Source length for a target length of triangles with these areas in both layouts: the median, by target area."""
    good = target > 0
    if not good.any():
        raise ValueError("no triangle of the target layout has an area and a source")
    ratio, weight = np.sqrt(source[good] / target[good]), target[good]
    order = np.argsort(ratio)
    total = np.cumsum(weight[order])
    return float(ratio[order][np.searchsorted(total, total[-1] / 2)])
