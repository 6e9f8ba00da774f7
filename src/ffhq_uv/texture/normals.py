"""The normals of a head's surface as a map: what its geometry is, and nothing that the texture suggests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.export import vertex_normals
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.rasterise import rasterise_uv


def object_normals(mesh: Mesh, size: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Unit normals float32 [S, S, 3] in the mesh's own axes (object space), smooth over its triangles; and which texels
    belong to the mesh, bool [S, S] (elsewhere the normals are 0)."""
    index, weight, inside = rasterise_uv(mesh.triangles, mesh.triangles_uv, mesh.uv, size)
    blended = np.einsum("ijk,ijkc->ijc", weight, vertex_normals(mesh)[index])
    length = np.linalg.norm(blended, axis=-1, keepdims=True)
    return (blended / np.maximum(length, 1e-12)).astype(np.float32), inside


def as_picture(normals: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Normals -1..1 as uint8 0..255: red is x to the viewer's right, green y up, blue z out of the face."""
    return np.asarray(np.rint((normals + 1) * 127.5), np.uint8)
