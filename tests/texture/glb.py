"""A reader of GLB files of its own: what a viewer must do with quantised attributes and WebP, and no more."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

import cv2
import numpy as np

TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3}


@dataclass(frozen=True)
class Read:
    """A GLB's one mesh in the scene's units, and its texture."""

    description: dict
    positions: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    triangles: np.ndarray
    texture: np.ndarray


def read_glb(data: bytes) -> Read:
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    assert size % 4 == 0
    description = json.loads(data[20 : 20 + size])
    body_size, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0"
    body = data[28 + size :]
    assert len(body) == body_size
    assert body_size - 3 <= description["buffers"][0]["byteLength"] <= body_size
    (primitive,) = description["meshes"][0]["primitives"]
    node = description["nodes"][0]
    arrays = {name: _accessor(description, body, number) for name, number in primitive["attributes"].items()}
    scale, place = np.array(node.get("scale", [1] * 3)), np.array(node.get("translation", [0] * 3))
    texture = description["textures"][description["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"]["index"]]
    source = texture.get("source", texture.get("extensions", {}).get("EXT_texture_webp", {}).get("source"))
    view = description["bufferViews"][description["images"][source]["bufferView"]]
    picture = body[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
    return Read(
        description,
        arrays["POSITION"] * scale + place,
        arrays["NORMAL"],
        arrays["TEXCOORD_0"],
        _accessor(description, body, primitive["indices"]).astype(np.int64).reshape(-1, 3),
        cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR_RGB),
    )


def _accessor(description: dict, body: bytes, number: int) -> np.ndarray:
    accessor = description["accessors"][number]
    view = description["bufferViews"][accessor["bufferView"]]
    type, width = np.dtype(TYPES[accessor["componentType"]]), WIDTHS[accessor["type"]]
    stride = view.get("byteStride", type.itemsize * width)
    assert view["byteOffset"] % 4 == 0
    assert stride % 4 == 0 or width == 1
    assert stride * (accessor["count"] - 1) + type.itemsize * width <= view["byteLength"]
    rows = np.ndarray((accessor["count"], width), type, body, view["byteOffset"], (stride, type.itemsize))
    if "min" in accessor:
        np.testing.assert_allclose(rows.min(0), accessor["min"])
        np.testing.assert_allclose(rows.max(0), accessor["max"])
    if not accessor.get("normalized"):
        return rows
    return np.maximum(rows.astype(np.float64) / np.iinfo(type).max, -1)
