"""``topo_assets/`` of the studio's own head, under the published names, keys, types and index bases."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray
from PIL import Image

from ffhq_uv.archive.writing import encode_png, write_bytes
from ffhq_uv.camera import rotation
from ffhq_uv.geometry import VIEWS
from ffhq_uv.studio import light
from ffhq_uv.studio.codes import encode
from ffhq_uv.studio.fields import fields, whole_face
from ffhq_uv.studio.head import ORIGIN, SIDE, Head, head
from ffhq_uv.studio.raster import depth_map
from ffhq_uv.studio.render import on_map, true_map, unwrapping
from ffhq_uv.studio.skin import ABSORPTION
from ffhq_uv.studio.sums import weighted_sums

YAWS = {"left": 30.0, "front": 0.0, "right": -30.0}
"""Yaw of each view, degrees."""
MAJOR, MINOR = 0.55, 0.25
"""A view may own texels whose normal's z is at least MAJOR, and contribute to those of at least MINOR."""
VT512 = 512
"""Side of the map of ``vtx_vt``, ``vtx_uv_idx`` and ``uv_idx``."""


def write_assets(folder: Path) -> None:
    """Write every file of ``topo_assets/``; the same bytes each time."""
    h = head()
    # Nobody in particular: every other parameter at its middle.
    template = true_map(encode({"hair_melanin": 0.4, "melanin": -0.4, "beard": -1.0, "moles": -3.0}, (0,)), SIDE)
    _write_mat(folder / "hifi3dpp_model_info.mat", _model(h, template))
    _write_mat(folder / "similarity_Lm3D_all.mat", {"lm": h.mean[h.keypoints] + ORIGIN})
    index, weight, inside = unwrapping(SIDE)
    _write_mat(folder / "unwrap_1024_info.mat", {"uv_idx_v_idx": index, "uv_idx_bw": weight})
    write_bytes(folder / "hifi3dpp_mean_face.obj", _obj(h))
    write_bytes(folder / "template_base_uv.png", encode_png(template))
    for name, mask in (_masks() | {"unwrap_1024_info": inside}).items():
        write_bytes(folder / f"{name}_mask.png", _grey(mask))


def _model(h: Head, template: NDArray[np.uint8]) -> dict[str, NDArray[np.generic]]:
    """The arrays of ``hifi3dpp_model_info.mat``; its texture basis is two pigments."""
    n, faces = len(h.mean), len(h.triangles)
    vertex_uv = np.empty((n, 2), np.float32)
    vertex_uv[h.uv_vertices[::-1]] = h.uv[::-1]
    place = np.clip((vertex_uv * [1, -1] + [0, 1]) * SIDE, 0, SIDE - 1).astype(np.int64)
    colour = template[place[:, 1], place[:, 0]].astype(np.float32)
    half = np.clip((vertex_uv * [1, -1] + [0, 1]) * VT512, 0, VT512 - 1).astype(np.int64)
    skin = fields(SIDE).skin[place[:, 1], place[:, 0]]
    facial = skin[h.triangles].any(1)
    row, column = np.nonzero(unwrapping(VT512)[2])
    # d colour / d pigment at the mean, in 0..255 with a display exponent of 2.2.
    texture = np.stack([-colour * k / 2.2 for k in ABSORPTION[:2].astype(np.float32)], -1)
    return {
        "meanshape": (h.mean + ORIGIN).reshape(1, -1),
        "meantex": colour.reshape(1, -1),
        "idBase": h.identity.reshape(3 * n, -1),
        "exBase": h.expression.reshape(3 * n, -1),
        "texBase": texture.reshape(3 * n, -1).astype(np.float32),
        "tri": (h.triangles[facial] + 1).astype(np.int32),
        "tri_vt": (h.uv_triangles[facial] + 1).astype(np.int32),
        "head_tri": (h.triangles + 1).astype(np.int32),
        "head_tri_vt": (h.uv_triangles + 1).astype(np.int32),
        "point_buf": (np.minimum(h.vertex_faces, faces) + 1).astype(np.int32),
        "keypoints": (h.keypoints[None] + 1).astype(np.int32),
        "vt_list": h.uv,
        "vt_vtx_idx": h.uv_vertices[:, None].astype(np.int32),
        "vtx_vt": vertex_uv * np.float32(VT512),
        "vtx_uv_idx": (half[:, 1:] * VT512 + half[:, :1]).astype(np.int32),
        "uv_idx": np.stack([row, column], -1).astype(np.int32),
        "skinmask": skin[None].astype(np.float32),
    }


def _write_mat(path: Path, arrays: dict[str, NDArray[np.generic]]) -> None:
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, arrays, do_compression=True, oned_as="row")  # type: ignore[arg-type]
    content = bytearray(buffer.getvalue())
    # The header's text carries the time of writing; only its first four bytes are prescribed (not zero).
    content[:116] = b"MATLAB 5.0 MAT-file, FFHQ-UV studio".ljust(116)
    write_bytes(path, bytes(content))


def _obj(h: Head) -> bytes:
    lines = [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in h.mean.tolist()]
    lines += [f"vt {u:.6f} {v:.6f}" for u, v in h.uv.tolist()]
    corners = np.stack([h.triangles, h.uv_triangles], -1).reshape(-1, 6) + 1
    lines += ["f {}/{} {}/{} {}/{}".format(*face) for face in corners.tolist()]
    return ("\n".join(lines) + "\n").encode()


def _grey(mask: NDArray[np.bool_]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(buffer, "PNG", compress_level=9)
    return buffer.getvalue()


def _masks() -> dict[str, NDArray[np.bool_]]:
    """The masks by their names; boxes and spots stand where the published layout has them."""
    place = np.arange(SIDE) + 0.5
    column, row = np.meshgrid(place, place)
    s = np.abs(column - SIDE / 2)

    def box(top: float, bottom: float, left: float, right: float) -> NDArray[np.bool_]:
        return np.asarray((row >= top) & (row < bottom) & (column >= left) & (column < right))

    depth = fields(SIDE).scalp
    masks = {
        "hair": depth > 12,
        "center_face": box(300, 650, 300, 724),
        "mouth_constract": box(555, 635, 405, 620),
        "nosal_base": box(465, 525, 440, 585),
        "nostril": ((s - 31) / 15) ** 2 + ((row - 504) / 8) ** 2 < 1,
    }
    # The face without its holes: eyes and mouth belong to the valid regions.
    face = whole_face(column - SIDE / 2, row)
    seen = {view: _seen(yaw) for view, yaw in YAWS.items()}
    for kind, least in (("major", MAJOR), ("minor", MINOR)):
        for view in VIEWS:
            region = cv2.blur((face & (seen[view] > least)).astype(np.float32), (41, 41)) > 0.5
            masks[f"{kind}_valid_{view}"] = region & face
        masks[f"{kind}_valid_whole"] = np.logical_or.reduce([masks[f"{kind}_valid_{v}"] for v in VIEWS])
    for view in VIEWS:
        masks[f"minor_valid_{view}"] |= masks[f"major_valid_{view}"]
    masks["minor_valid_whole"] |= masks["major_valid_whole"]
    return masks


def _seen(yaw: float) -> NDArray[np.float32]:
    """z of the mean head's normals in a view, 0 where the head hides itself, as a map [1024, 1024]."""
    vertices = head().mean
    turn = rotation(torch.tensor([0.0, np.radians(yaw), 0.0])).numpy()
    towards = turn[2].astype(np.float32)
    facing = weighted_sums(light.normals(vertices), towards)
    visible = depth_map(vertices, head().triangles, towards) > 0.5
    return on_map((facing * visible)[:, None].astype(np.float32), SIDE)[..., 0]
