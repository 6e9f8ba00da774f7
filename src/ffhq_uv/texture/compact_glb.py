"""A textured head as a small GLB: a third of the plain one, for pages and for many heads.

Positions are 16-bit integers, normals 8-bit, UV coordinates 16-bit (KHR_mesh_quantization), the texture is WebP
(EXT_texture_webp). The node's scale and place bring positions back to model units: 1/65535 of the head's size off, a
few micrometres.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.export import CLAMP, INDICES, LINEAR, MIPMAPS, UNSIGNED, VERTICES, glb_container, vertex_normals
from ffhq_uv.texture.mesh import Mesh

BYTE, SHORT, UNSIGNED_SHORT = 5120, 5122, 5123
"""glTF's component types int8, int16 and uint16."""
QUALITY = 90
"""WebP's, of the texture."""


def compact_glb(mesh: Mesh, texture: NDArray[np.uint8], name: str) -> bytes:
    """The GLB of a mesh with UV coordinates in 0..1, and its texture uint8 [S, S, 3] RGB."""
    corners = np.stack([mesh.triangles, mesh.triangles_uv], -1).reshape(-1, 2)
    pairs, indices = np.unique(corners, axis=0, return_inverse=True)
    low, high = mesh.vertices.min(0).astype(np.float64), mesh.vertices.max(0).astype(np.float64)
    centre, scale = (low + high) / 2, np.maximum((high - low).max() / 2, 1e-12)
    positions = np.rint((mesh.vertices[pairs[:, 0]] - centre) / scale * 32767).astype("<i2")
    normals = np.rint(vertex_normals(mesh)[pairs[:, 0]] * 127).astype("<i1")
    uv = mesh.uv[pairs[:, 1]].astype(np.float64)
    coordinates = np.rint(np.stack([uv[:, 0], 1 - uv[:, 1]], -1).clip(0, 1) * 65535).astype("<u2")
    small = len(pairs) < 65535
    order = indices.reshape(-1).astype("<u2" if small else "<u4")
    bounds = {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}
    body, views, accessors = b"", list[dict[str, int]](), list[dict[str, Any]]()
    for values, type_, component, more in (
        (positions, "VEC3", SHORT, {"normalized": True} | bounds),
        (normals, "VEC3", BYTE, {"normalized": True}),
        (coordinates, "VEC2", UNSIGNED_SHORT, {"normalized": True}),
        (order, "SCALAR", UNSIGNED_SHORT if small else UNSIGNED, {}),
    ):
        data, stride = _aligned(values) if values.ndim == 2 else (values.tobytes(), None)
        view = {
            "buffer": 0,
            "byteOffset": len(body),
            "byteLength": len(data),
            "target": VERTICES if stride else INDICES,
        }
        views.append(view | ({"byteStride": stride} if stride else {}))
        accessor = {"bufferView": len(accessors), "componentType": component, "count": len(values), "type": type_}
        accessors.append(accessor | more)
        body += data + b"\0" * (-len(data) % 4)
    picture = _webp(texture)
    views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(picture)})
    body += picture
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}
    surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 1}
    extensions = ["EXT_texture_webp", "KHR_mesh_quantization"]
    description = {
        "asset": {"version": "2.0", "generator": "ffhq_uv"},
        "extensionsUsed": extensions,
        "extensionsRequired": extensions,
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "scale": [float(scale)] * 3, "translation": centre.tolist()}],
        "meshes": [{"primitives": [primitive], "name": name}],
        "materials": [{"pbrMetallicRoughness": surface, "name": name}],
        "textures": [{"sampler": 0, "extensions": {"EXT_texture_webp": {"source": 0}}}],
        "images": [{"bufferView": len(accessors), "mimeType": "image/webp", "name": name}],
        "samplers": [{"magFilter": LINEAR, "minFilter": MIPMAPS, "wrapS": CLAMP, "wrapT": CLAMP}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(body)}],
    }
    return glb_container(description, body)


def _aligned(values: NDArray[Any]) -> tuple[bytes, int]:
    """Rows padded to a multiple of four bytes, as glTF's vertex attributes must be, and the bytes of a row."""
    size = values.shape[1] * values.itemsize
    stride = size + -size % 4
    rows = np.zeros((len(values), stride), np.uint8)
    rows[:, :size] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), size)
    return rows.tobytes(), stride


def _webp(texture: NDArray[np.uint8]) -> bytes:
    written, content = cv2.imencode(
        ".webp", cv2.cvtColor(texture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY]
    )
    if not written:
        raise ValueError(f"a texture of {list(texture.shape)} cannot be written as WebP")
    return content.tobytes()
