"""A textured head as files that every 3D program opens: Wavefront OBJ with its MTL, and binary glTF 2.0 (GLB).

Both keep model units and axes (y up, z out of the face). The OBJ keeps the topology's vertices, UV coordinates and
their order; glTF has one list for both, so vertices on UV seams are doubled there, and v points down.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.texture.mesh import Mesh

FLOAT, UNSIGNED = 5126, 5125
"""glTF's component types float32 and uint32."""
VERTICES, INDICES = 34962, 34963
"""glTF's buffer targets."""
LINEAR, MIPMAPS, CLAMP = 9729, 9987, 33071
"""glTF's filters and wrapping."""


def obj_file(mesh: Mesh, name: str) -> bytes:
    """The OBJ of a mesh, with the material of ``<name>.mtl``; numbers that read back as the same float32."""
    lines = [f"mtllib {name}.mtl", f"o {name}", f"usemtl {name}"]
    lines += [f"v {x!s} {y!s} {z!s}" for x, y, z in mesh.vertices]
    lines += [f"vt {u!s} {v!s}" for u, v in mesh.uv]
    for (a, b, c), (p, q, r) in zip(mesh.triangles + 1, mesh.triangles_uv + 1, strict=True):
        lines.append(f"f {a}/{p} {b}/{q} {c}/{r}")
    return ("\n".join(lines) + "\n").encode()


def mtl_file(name: str) -> bytes:
    """The MTL of `obj_file`: a matt material with the texture ``<name>.png``."""
    return f"newmtl {name}\nKa 1 1 1\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd {name}.png\n".encode()


def glb_file(mesh: Mesh, png: bytes, name: str) -> bytes:
    """The GLB of a mesh and its texture: one node, mesh, matt material and embedded PNG."""
    corners = np.stack([mesh.triangles, mesh.triangles_uv], -1).reshape(-1, 2)
    pairs, indices = np.unique(corners, axis=0, return_inverse=True)
    positions, uv = mesh.vertices[pairs[:, 0]], mesh.uv[pairs[:, 1]]
    coordinates = np.stack([uv[:, 0], 1 - uv[:, 1]], -1)
    arrays: tuple[tuple[NDArray[Any], str, int, int, dict[str, Any]], ...] = (
        (positions, "VEC3", FLOAT, VERTICES, {"min": positions.min(0).tolist(), "max": positions.max(0).tolist()}),
        (vertex_normals(mesh)[pairs[:, 0]], "VEC3", FLOAT, VERTICES, {}),
        (coordinates, "VEC2", FLOAT, VERTICES, {}),
        (indices.reshape(-1).astype(np.uint32), "SCALAR", UNSIGNED, INDICES, {}),
    )
    body, views, accessors = b"", list[dict[str, int]](), list[dict[str, Any]]()
    for values, type_, component, target, bounds in arrays:
        data = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"))).tobytes()
        views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(data), "target": target})
        accessor = {"bufferView": len(accessors), "componentType": component, "count": len(values), "type": type_}
        accessors.append(accessor | bounds)
        body += data
    views.append({"buffer": 0, "byteOffset": len(body), "byteLength": len(png)})
    body += png
    primitive = {"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}
    surface = {"baseColorTexture": {"index": 0}, "metallicFactor": 0, "roughnessFactor": 1}
    description = {
        "asset": {"version": "2.0", "generator": "ffhq_uv"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name}],
        "meshes": [{"primitives": [primitive], "name": name}],
        "materials": [{"pbrMetallicRoughness": surface, "name": name}],
        "textures": [{"sampler": 0, "source": 0}],
        "images": [{"bufferView": len(accessors), "mimeType": "image/png", "name": name}],
        "samplers": [{"magFilter": LINEAR, "minFilter": MIPMAPS, "wrapS": CLAMP, "wrapT": CLAMP}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(body)}],
    }
    return glb_container(description, body)


def glb_container(description: dict[str, Any], body: bytes) -> bytes:
    """A GLB of glTF's description and its one buffer."""
    body = _padded(body, b"\0")
    head = _padded(json.dumps(description, allow_nan=False).encode(), b" ")
    chunks = struct.pack("<I4s", len(head), b"JSON") + head + struct.pack("<I4s", len(body), b"BIN\0") + body
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def vertex_normals(mesh: Mesh) -> NDArray[np.float32]:
    """Unit normals [N, 3]: of each vertex the area-weighted mean of its triangles'; 0 where there are none."""
    a, b, c = (mesh.vertices[mesh.triangles[:, corner]].astype(np.float64) for corner in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros((len(mesh.vertices), 3))
    for corner in range(3):
        np.add.at(total, mesh.triangles[:, corner], flat)
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(lengths, 1e-12), np.float32)


def _padded(data: bytes, filler: bytes) -> bytes:
    """Data to a multiple of four bytes, as glTF's chunks must be."""
    return data + filler * (-len(data) % 4)
