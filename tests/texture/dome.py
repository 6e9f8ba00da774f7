"""A small head to texture: a bumpy dome whose UV map is its unrolled grid, symmetric left and right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ffhq_uv.camera import CAMERA_DISTANCE, rotation
from ffhq_uv.geometry import Geometry
from ffhq_uv.texture.rasterise import rasterise_uv
from ffhq_uv.texture.topology import MASKS, Topology

COLUMNS, ROWS = 33, 29
YAWS = {"left": 0.4, "front": 0.0, "right": -0.4}


def dome() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices [N, 3] (x right, y up, z to the viewer), UV [N, 2], triangles [F, 3]."""
    u, v = np.meshgrid(np.linspace(0.04, 0.96, COLUMNS), np.linspace(0.03, 0.97, ROWS))
    angle, height = (u - 0.5) * 4.0, (v - 0.5) * 2.4
    across = 1.1 + 0.25 * np.exp(-20 * ((u - 0.5) ** 2 + (v - 0.55) ** 2)) - 0.3 * height**2
    vertices = np.stack([across * np.sin(angle), height, across * np.cos(angle)], -1).reshape(-1, 3)
    corner = np.arange(COLUMNS * ROWS).reshape(ROWS, COLUMNS)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return vertices, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), triangles


def dome_topology(size: int) -> Topology:
    vertices, uv, triangles = dome()
    index, weight, inside = rasterise_uv(triangles, triangles, uv, size)
    column, row = np.meshgrid(*(2 * [(np.arange(size) + 0.5) / size]))
    masks = {name: np.zeros((size, size), np.float32) for name in MASKS}
    for view, middle in (("left", 0.4), ("front", 0.5), ("right", 0.6)):
        far = np.hypot((column - middle) / 0.25, (row - 0.5) / 0.32)
        masks[f"major_valid_{view}"][far < 0.9] = 1
        masks[f"minor_valid_{view}"][far < 1] = 1
    masks["hair"][row < 0.15] = 1
    masks["center_face"][np.hypot(column - 0.5, row - 0.5) < 0.2] = 1
    masks["mouth_constract"][np.hypot(column - 0.5, (row - 0.57) * 2) < 0.1] = 1
    rng = np.random.default_rng(4)
    shade = 90 + 60 * row[..., None] + rng.normal(0, 4, (size, size, 1)) + np.array([40, 10, -10])
    return Topology(
        vertices=len(vertices),
        triangles=triangles,
        uv=uv,
        triangles_uv=triangles,
        unwrap_index=index,
        unwrap_weight=weight,
        inside=inside,
        masks=masks,
        template=((shade + shade[:, ::-1]) / 2).clip(0, 255).astype(np.uint8),
    )


def dome_geometry(face_size: int, batch: int = 1) -> Geometry:
    """The dome in its three views; a pixel shows skin in a large disc."""
    vertices, _, triangles = dome()
    shape = torch.tensor(vertices, dtype=torch.float32)
    angle = torch.tensor([[0.0, yaw, 0.0] for yaw in YAWS.values()])
    world = shape @ rotation(angle).transpose(-1, -2)
    depth = CAMERA_DISTANCE - world[..., 2]
    scale = 3.2 * face_size * world[..., :2] / depth[..., None]
    xy = torch.stack([face_size / 2 + scale[..., 0], face_size / 2 - 1 - scale[..., 1]], -1)
    corners = [world[:, triangles[:, k]] for k in range(3)]
    flat = torch.linalg.cross(corners[1] - corners[0], corners[2] - corners[0])
    normals = torch.zeros_like(world)
    for k in range(3):
        normals.index_add_(1, torch.tensor(triangles[:, k]), flat)
    normals = torch.nn.functional.normalize(normals, dim=-1)
    row, column = torch.meshgrid(*(2 * [torch.arange(face_size)]), indexing="ij")
    disc = (row - face_size / 2) ** 2 + (column - face_size / 2) ** 2 < (0.45 * face_size) ** 2
    return Geometry(
        xy=xy.expand(batch, -1, -1, -1).contiguous(),
        depth=depth.expand(batch, -1, -1).contiguous(),
        normals=normals.expand(batch, -1, -1, -1).contiguous(),
        skin=disc.expand(batch, 3, -1, -1).contiguous(),
        identity=torch.zeros(batch, 3, 2),
        expression=torch.zeros(batch, 3, 2),
        reasons=(None,) * batch,
    )


def smooth_faces(seed: int, batch: int, face_size: int) -> torch.Tensor:
    """Coloured clouds, uint8 [batch, 3, H, W, 3]."""
    noise = torch.rand(batch * 3, 3, 7, 7, generator=torch.Generator().manual_seed(seed))
    cloud = torch.nn.functional.interpolate(noise, size=(face_size, face_size), mode="bicubic")
    cloud = (60 + 130 * cloud).clamp(0, 255).to(torch.uint8)
    return cloud.permute(0, 2, 3, 1).reshape(batch, 3, face_size, face_size, 3).contiguous()


def with_rows(geometry: Geometry, rows: int) -> Geometry:
    """The same head ``rows`` times."""
    return geometry.select([0] * rows)


def spoilt(geometry: Geometry, view: int) -> Geometry:
    xy = geometry.xy.clone()
    xy[0, view, 5, 1] = float("nan")
    return replace(geometry, xy=xy)
