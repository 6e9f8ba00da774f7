"""Meshes with UV coordinates, and reading them from Wavefront OBJ files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LONGEST = 1 << 16
"""Longest line that is read, characters."""
ROUNDING = 1e-4
"""UV coordinates leave the square 0..1 if they do by more."""
FLOAT32 = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class Mesh:
    """``N`` vertices, ``T`` UV coordinates, ``F`` triangles.

    vertices        float32 [N, 3], x to the viewer's right, y up, z to the viewer
    uv              float32 [T, 2], u to the right, v up, 0..1
    triangles       int64 [F, 3], vertices of each triangle, from 0
    triangles_uv    int64 [F, 3], UV coordinates of the same corners, from 0
    """

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int64]
    triangles_uv: NDArray[np.int64]


def read_obj(path: Path, *, tiles: bool = False) -> Mesh:
    """Read an OBJ file. Polygons become fans of triangles; normals, groups and materials are passed over.

    tiles    UV coordinates may leave the square 0..1, as those of UDIM tiles do

    Raises FileNotFoundError, or ValueError with the line for what is no mesh with one UV coordinate, in the square
    0..1, at every corner.
    """
    points: list[list[float]] = []
    coordinates: list[list[float]] = []
    corners: list[list[tuple[int, int]]] = []
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST + 1), ""), 1):
            if len(line) > LONGEST:
                raise ValueError(f"{path}, line {number}: longer than {LONGEST:,} characters, so it is no mesh")
            kind, *words = line.split() or [""]
            try:
                if kind == "v":
                    points.append(_numbers(words, 3))
                elif kind == "vt":
                    coordinates.append(_numbers(words, 2))
                elif kind == "f":
                    polygon = [_corner(word, len(points), len(coordinates)) for word in words]
                    corners += [[polygon[0], *pair] for pair in pairwise(polygon[1:])]
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {str(error)[:200]}") from None
    if not corners:
        raise ValueError(f"{path}: no face in it, so it is no mesh")
    indices = np.array(corners, np.int64)
    uv = np.array(coordinates, np.float32)
    if not tiles and (uv.min() < 0 or uv.max() > 1):
        raise ValueError(f"{path}: UV coordinates from {uv.min():g} to {uv.max():g}, expected 0..1 (one tile)")
    return Mesh(np.array(points, np.float32), uv, indices[..., 0].copy(), indices[..., 1].copy())


def first_tile(mesh: Mesh) -> tuple[Mesh, int]:
    """The triangles of a mesh inside the square 0..1 of its UV coordinates; and how many others there were.

    Whatever lies in other tiles, such as the eyeballs of some heads, has no place in a map. Vertices and UV coordinates
    keep their numbers; those outside of the square are moved into it.
    """
    inside = np.asarray(((mesh.uv >= -ROUNDING) & (mesh.uv <= 1 + ROUNDING)).all(1))
    kept = inside[mesh.triangles_uv].all(1)
    uv = np.where(inside[:, None], mesh.uv, 0).clip(0, 1).astype(np.float32)
    return replace(mesh, uv=uv, triangles=mesh.triangles[kept], triangles_uv=mesh.triangles_uv[kept]), int(
        (~kept).sum()
    )


def _numbers(words: list[str], count: int) -> list[float]:
    """The first ``count`` numbers of a line."""
    found = [float(word) for word in words[:count]]
    if len(found) < count or not all(abs(number) <= FLOAT32 for number in found):
        raise ValueError(f"{' '.join(words)[:80]!r} are not {count} finite numbers")
    return found


def _corner(word: str, points: int, coordinates: int) -> tuple[int, int]:
    """Vertex and UV coordinate, from 0, of a face's corner ``v/vt[/vn]``: from 1, or from -1 back."""
    v, vt = (*word.split("/"), "")[:2]
    if not vt:
        raise ValueError(f"corner {word[:80]!r} has no UV coordinate")
    return _index(v, points, "vertices"), _index(vt, coordinates, "UV coordinates")


def _index(word: str, count: int, what: str) -> int:
    index = int(word)
    from_zero = index - 1 if index > 0 else count + index
    if index == 0 or not 0 <= from_zero < count:
        raise ValueError(f"{index} of {count} {what} so far")
    return from_zero
