"""The HiFi3D++ morphable model of ``hifi3dpp_model_info.mat``: coefficients to vertices.

Number of vertices and basis sizes are read from the file; the published one has 20,481 vertices, 532
identity and 45 expression coefficients, and its stored dtypes are not documented, so everything is
cast. Indices count from 1 there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.formats.mat import MatError, read_mat

KEYS = ("meanshape", "idBase", "exBase", "head_tri", "point_buf", "keypoints")
NEIGHBOURS = 8
"""Most faces around a vertex of the published head."""


@dataclass(frozen=True)
class MorphableModel:
    """A linear head model of ``N`` vertices and ``F`` triangles.

    mean          float32 [N, 3], model units (1 is about 10 cm), its centroid at the origin
    identity      float32 [3N, I], basis of the identity coefficients, x, y, z of a vertex after each other
    expression    float32 [3N, E], basis of the expression coefficients
    triangles     int64 [F, 3], vertices of each triangle, from 0
    vertex_faces  int64 [N, 8], triangles around each vertex, from 0; ``F`` stands for none
    keypoints     int64 [68], vertices of the iBUG landmarks, from 0
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor
    triangles: Tensor
    vertex_faces: Tensor
    keypoints: Tensor

    @classmethod
    def load(cls, path: Path) -> MorphableModel:
        """Read the model. Raises FileNotFoundError, or ValueError naming file, key and what is wrong."""
        arrays = _read(path)
        mean = _numbers(path, "meanshape", arrays["meanshape"].reshape(-1))
        if mean.size % 3 or not mean.size:
            raise ValueError(f"{path}: meanshape has {mean.size} values, expected x, y, z of every vertex")
        vertices = mean.reshape(-1, 3)
        triangles = _indices(path, "head_tri", arrays["head_tri"], len(vertices))
        if triangles.ndim != 2 or triangles.shape[1] != 3:
            raise ValueError(f"{path}: head_tri has shape {triangles.shape}, expected (F, 3)")
        return cls(
            mean=torch.from_numpy((vertices - vertices.mean(0, dtype=np.float64)).astype(np.float32)),
            identity=_basis(path, "idBase", arrays["idBase"], mean.size),
            expression=_basis(path, "exBase", arrays["exBase"], mean.size),
            triangles=torch.from_numpy(triangles),
            vertex_faces=_vertex_faces(path, arrays["point_buf"], len(vertices), len(triangles)),
            keypoints=torch.from_numpy(_indices(path, "keypoints", arrays["keypoints"].reshape(-1), len(vertices))),
        )

    def to(self, device: torch.device | str) -> MorphableModel:
        """The same model on another device."""
        return MorphableModel(*(getattr(self, field.name).to(device) for field in fields(self)))

    def shape(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Vertices [..., N, 3] of coefficients [..., I] and [..., E]: the mean plus both bases' offsets."""
        offset = identity @ self.identity.T + expression @ self.expression.T
        return self.mean + offset.reshape(*offset.shape[:-1], -1, 3)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there; it is part of the published topo_assets/")
    try:
        arrays = read_mat(path, KEYS)
    except MatError as error:
        raise ValueError(f"{path}: not a readable MATLAB file of v5 to v7 ({error}); download it again") from error
    if missing := [key for key in KEYS if key not in arrays]:
        raise ValueError(f"{path}: lacks {', '.join(missing)}; expected the published {', '.join(KEYS)}")
    return arrays


def _numbers(path: Path, key: str, array: NDArray[Any]) -> NDArray[np.float32]:
    if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
        raise ValueError(f"{path}: {key} is {array.dtype}, expected finite numbers")
    return array.astype(np.float32, copy=False)


def _indices(path: Path, key: str, array: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Indices counted from 1 as indices below ``count`` counted from 0."""
    indices = _numbers(path, key, array).astype(np.int64) - 1
    if not indices.size or indices.min() < 0 or indices.max() >= count:
        raise ValueError(f"{path}: {key} is not an index from 1 to {count}")
    return indices


def _basis(path: Path, key: str, array: NDArray[Any], rows: int) -> Tensor:
    basis = _numbers(path, key, array)
    if basis.ndim == 2 and basis.shape[0] != rows and basis.shape[1] == rows:
        basis = basis.T
    if basis.ndim != 2 or basis.shape[0] != rows:
        raise ValueError(f"{path}: {key} has shape {array.shape}, expected ({rows}, coefficients)")
    return torch.from_numpy(basis)


def _vertex_faces(path: Path, array: NDArray[Any], vertices: int, faces: int) -> Tensor:
    """``point_buf``: a vertex with fewer than 8 faces is padded, with F + 1 or, in some files, 0."""
    if array.ndim != 2 or array.shape[0] != vertices or array.shape[1] > NEIGHBOURS:
        raise ValueError(f"{path}: point_buf has shape {array.shape}, expected ({vertices}, {NEIGHBOURS})")
    numbered = _numbers(path, "point_buf", array).astype(np.int64)
    if numbered.min() < 0 or numbered.max() > faces + 1:
        raise ValueError(f"{path}: point_buf is not an index from 1 to {faces} (or {faces + 1} for none)")
    padded = np.full((vertices, NEIGHBOURS), faces)
    padded[:, : array.shape[1]] = np.where(numbered == 0, faces, numbered - 1)
    return torch.from_numpy(padded)
