"""The mesh, its UV layout and the masks and template that go with it, read from ``topo_assets/``.

File names, keys and index bases are the published ones. Only what texturing needs is read: the 3DMM bases in
``hifi3dpp_model_info.mat`` stay on disk.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ffhq_uv.formats.mat import MatError, read_mat
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.published import MASKS, MODEL
from ffhq_uv.geometry import VIEWS
from ffhq_uv.texture.mesh import Mesh, first_tile, read_obj
from ffhq_uv.texture.rasterise import rasterise_uv

PUBLISHED_SIZE = 1024
"""Side of the published maps and of ``unwrap_1024_info``, texels."""

SAME_TRIANGLE = 0.5
"""Share of the texels in which ``unwrap_1024_info`` must name the triangle that the UV mesh has there.

A shift of half a texel still leaves 0.8; a flip, a wrong index base or another mesh leave next to nothing.
"""


@dataclass(frozen=True)
class Topology:
    """A UV-mapped head with ``F`` triangles and ``T`` UV coordinates, for maps of ``S`` x ``S`` texels.

    vertices        number of vertices
    triangles       int64 [F, 3], vertices of each triangle, from 0
    uv              float32 [T, 2], u to the right, v up, 0..1
    triangles_uv    int64 [F, 3], UV coordinates of each triangle's corners, from 0
    unwrap_index    int32 [S, S, 3], the three vertices around each texel (0 outside)
    unwrap_weight   float32 [S, S, 3], their barycentric weights (0 outside)
    inside          bool [S, S], texels that belong to the mesh
    masks           float32 [S, S] each, 0..1, by the names of `MASKS`
    template        uint8 [S, S, 3] RGB, the texture that fills what no view shows
    """

    vertices: int
    triangles: NDArray[np.int64]
    uv: NDArray[np.float32]
    triangles_uv: NDArray[np.int64]
    unwrap_index: NDArray[np.int32]
    unwrap_weight: NDArray[np.float32]
    inside: NDArray[np.bool_]
    masks: dict[str, NDArray[np.float32]]
    template: NDArray[np.uint8]

    @property
    def size(self) -> int:
        """Side of the map, texels."""
        return len(self.template)

    @property
    def major_union(self) -> NDArray[np.bool_]:
        """Texels that some view may own fully, bool [S, S]."""
        return self._union("major")

    @property
    def minor_union(self) -> NDArray[np.bool_]:
        """Texels that some view may contribute to, bool [S, S]: the face, for the valid area ratio."""
        return self._union("minor")

    def _union(self, kind: str) -> NDArray[np.bool_]:
        total = sum(self.masks[f"{kind}_valid_{view}"] for view in VIEWS)
        return np.asarray(total > 0.5)


def load_topology(folder: Path, size: int) -> Topology:
    """Read ``topo_assets/`` for maps of ``size`` x ``size`` texels.

    At 1024 the texels' vertices come from ``unwrap_1024_info.mat`` if it is there, checked against the mesh;
    at other sizes, or without it, the UV mesh is rasterised. Pictures of another size are resized as upstream
    does (Pillow's default filter).

    Any mesh with UV coordinates can be the topology: in place of ``hifi3dpp_model_info.mat`` one ``.obj`` file and its
    ``template_base_uv.png``. Of its masks, a valid one that is not there is the whole mesh, another one nothing.

    Raises FileNotFoundError for a missing file and ValueError for one that is not what it should be.
    """
    if size < 1:
        raise ValueError(f"map size is {size}, expected at least 1 texel")
    mesh = load_mesh(folder)
    index, weight, inside = rasterise_uv(mesh.triangles, mesh.triangles_uv, mesh.uv, size)
    if size == PUBLISHED_SIZE and (folder / "unwrap_1024_info.mat").exists():
        index, weight, inside = _read_unwrap(folder, len(mesh.vertices), index, inside)
    masks = {}
    for name in MASKS:
        path = folder / f"{name}_mask.png"
        if (folder / MODEL).exists() or path.exists():
            masks[name] = _read_mask(path, size)
        else:
            masks[name] = (inside if "valid" in name else np.zeros_like(inside)).astype(np.float32)
    return Topology(
        vertices=len(mesh.vertices),
        triangles=mesh.triangles,
        uv=mesh.uv,
        triangles_uv=mesh.triangles_uv,
        unwrap_index=index,
        unwrap_weight=weight,
        inside=inside,
        masks=masks,
        template=_read_picture(folder / "template_base_uv.png", size),
    )


def load_mesh(folder: Path) -> Mesh:
    """The mean head in ``topo_assets/``, its centroid at the origin, or the one ``.obj`` file that stands for it.

    Of the latter, triangles with UV coordinates outside 0..1 (other tiles: eyeballs) are left out, with a warning.

    Raises as `load_topology`.
    """
    info, others = folder / MODEL, sorted(folder.glob("*.obj"))
    if info.exists() or not others:
        return _published_mesh(info)
    if len(others) > 1:
        raise ValueError(f"{folder}: {len(others)} .obj files, expected one mesh: {', '.join(p.name for p in others)}")
    mesh, dropped = first_tile(read_obj(others[0], tiles=True))
    if not len(mesh.triangles):
        raise ValueError(f"{others[0]}: no triangle has its UV coordinates in 0..1, where the map is")
    if dropped:
        part = f"{dropped:,} of {dropped + len(mesh.triangles):,} triangles"
        warnings.warn(f"{others[0]}: {part} have UV coordinates outside 0..1 and are left out", stacklevel=2)
    return mesh


def _published_mesh(info: Path) -> Mesh:
    found = _read_mat(info, ("meanshape", "head_tri", "head_tri_vt", "vt_list"))
    shape = found["meanshape"]
    if shape.size == 0 or shape.size % 3:
        raise ValueError(f"{info}: meanshape has {shape.size} values, expected 3 for each vertex")
    vertices = shape.reshape(-1, 3).astype(np.float32)
    vertices -= vertices.mean(0)  # as the morphable model's mean is
    uv = found["vt_list"].astype(np.float32)
    if uv.ndim != 2 or uv.shape[1] != 2 or not np.isfinite(uv).all():
        raise ValueError(f"{info}: vt_list is {uv.shape}, expected finite UV coordinates [T, 2]")
    triangles = _from_one(info, "head_tri", found["head_tri"], len(vertices))
    triangles_uv = _from_one(info, "head_tri_vt", found["head_tri_vt"], len(uv))
    if triangles.shape != triangles_uv.shape or triangles.shape[1:] != (3,):
        raise ValueError(
            f"{info}: head_tri is {triangles.shape}, head_tri_vt {triangles_uv.shape}, expected [F, 3] both"
        )
    return Mesh(vertices, uv, triangles, triangles_uv)


def _read_unwrap(
    folder: Path,
    vertices: int,
    rasterised_index: NDArray[np.int32],
    rasterised_inside: NDArray[np.bool_],
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """``unwrap_1024_info``: vertices (from 0, unlike the triangles), weights and mask of every texel."""
    path = folder / "unwrap_1024_info.mat"
    info = _read_mat(path, ("uv_idx_v_idx", "uv_idx_bw"))
    index, weight = info["uv_idx_v_idx"], info["uv_idx_bw"].astype(np.float32)
    inside = _read_mask(folder / "unwrap_1024_info_mask.png", PUBLISHED_SIZE) > 0.5
    expected = (PUBLISHED_SIZE, PUBLISHED_SIZE, 3)
    if index.shape != expected or weight.shape != expected:
        raise ValueError(f"{path}: uv_idx_v_idx is {index.shape} and uv_idx_bw {weight.shape}, expected {expected}")
    index = np.where(inside[..., None], index, 0)
    if index.min() < 0 or index.max() >= vertices:
        raise ValueError(
            f"{path}: uv_idx_v_idx holds {index.min()}..{index.max()}, expected vertices 0..{vertices - 1}"
        )
    weight = np.where(inside[..., None], weight, 0).astype(np.float32)
    if not (np.abs(weight.sum(-1) - inside) < 1e-2).all():
        raise ValueError(f"{path}: uv_idx_bw does not sum to 1 in every texel of the mask")
    both = inside & rasterised_inside
    same = (np.sort(index, -1) == np.sort(rasterised_index, -1)).all(-1) & both
    share = same.sum() / max(1, int((inside | rasterised_inside).sum()))
    if share < SAME_TRIANGLE:
        raise ValueError(
            f"{path}: {share:.1%} of the texels name the triangle that hifi3dpp_model_info.mat has there, "
            f"expected at least {SAME_TRIANGLE:.0%}; they belong to different meshes (without this file the "
            "mesh is rasterised)"
        )
    return index.astype(np.int32), weight, inside


def _read_mat(path: Path, names: tuple[str, ...]) -> dict[str, NDArray[np.generic]]:
    """The named arrays of a MATLAB file (v5 to v7)."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; topo_assets/ must hold it, or an .obj file in its place")
    try:
        found = read_mat(path, names)
    except MatError as error:
        raise ValueError(f"{path}: not a readable MATLAB file of v5 to v7 ({error})") from error
    if missing := sorted(set(names) - found.keys()):
        raise ValueError(f"{path}: no numeric array {missing[0]!r}")
    return dict(found)


def _from_one(path: Path, name: str, values: NDArray[np.generic], count: int) -> NDArray[np.int64]:
    """MATLAB's indices 1..count as 0..count-1."""
    indices = values.astype(np.int64) - 1
    if indices.size == 0 or indices.min() < 0 or indices.max() >= count:
        found = f"{indices.min() + 1}..{indices.max() + 1}" if indices.size else "nothing"
        raise ValueError(f"{path}: {name} holds {found}, expected indices 1..{count}")
    return indices


def _read_picture(path: Path, size: int) -> NDArray[np.uint8]:
    """An 8-bit PNG as RGB [size, size, 3]: grey is repeated, alpha dropped, another size resized."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; topo_assets/ must hold it")
    picture = read_png(path.read_bytes(), str(path))
    if picture.shape[0] != picture.shape[1]:
        raise ValueError(f"{path}: {picture.shape[1]}x{picture.shape[0]} pixels, expected a square")
    if len(picture) != size:
        picture = np.array(Image.fromarray(picture).resize((size, size)))
    return picture


def _read_mask(path: Path, size: int) -> NDArray[np.float32]:
    """A mask as float32 [size, size], 0..1."""
    colour = _read_picture(path, size)
    if (colour != colour[..., :1]).any():
        raise ValueError(f"{path}: its channels differ, expected a grey mask")
    return colour[..., 0].astype(np.float32) / np.float32(255)
