"""Small heads: what is read back is what was written, to a few micrometres, and the file is small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.texture.glb import read_glb

from ffhq_uv.formats.png import read_png
from ffhq_uv.texture.compact_glb import compact_glb
from ffhq_uv.texture.export import glb_file, vertex_normals
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.normals import as_picture, object_normals
from ffhq_uv.texture.topology import load_mesh


@pytest.fixture(scope="module")
def head(studio_assets: Path) -> Mesh:
    return load_mesh(studio_assets)


def test_a_head_of_1024_texels_fits_into_750_kb_and_reads_back(head: Mesh, studio_assets: Path) -> None:
    png = (studio_assets / "template_base_uv.png").read_bytes()
    texture = read_png(png, "template")
    data = compact_glb(head, texture, "head")
    assert len(data) <= 750_000
    found, plain = read_glb(data), read_glb(glb_file(head, png, "head"))
    np.testing.assert_array_equal(found.triangles, plain.triangles)
    size = np.ptp(head.vertices, axis=0).max()
    assert np.abs(found.positions - plain.positions).max() <= 1.01 * size / 65534
    assert np.abs(found.uv - plain.uv).max() <= 1 / 65535
    assert np.abs(found.normals - plain.normals).max() <= 1 / 127
    np.testing.assert_array_equal(plain.texture, texture)
    error = np.mean((found.texture.astype(float) - texture) ** 2)
    assert 10 * np.log10(255**2 / error) > 38
    assert set(found.description["extensionsRequired"]) == {"EXT_texture_webp", "KHR_mesh_quantization"}


def test_a_mesh_of_many_vertices_has_wide_indices() -> None:
    side = 260
    grid = np.stack(np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side)), -1).reshape(-1, 2)
    corner = np.arange(side * side).reshape(side, side)
    a, b, c = corner[:-1, :-1].ravel(), corner[:-1, 1:].ravel(), corner[1:, 1:].ravel()
    triangles = np.stack([a, b, c], 1)
    vertices = np.concatenate([grid, grid[:, :1]], 1).astype(np.float32)
    mesh = Mesh(vertices, grid.astype(np.float32), triangles, triangles)
    found = read_glb(compact_glb(mesh, np.zeros((8, 8, 3), np.uint8), "sheet"))
    assert len(found.positions) > 65535
    np.testing.assert_allclose(found.positions[found.triangles], vertices[triangles], atol=1e-4)


def test_object_normals_are_those_of_the_surface() -> None:
    """A ball, laid out by longitude and height: the normal of a texel is its place on the ball."""
    u, v = np.meshgrid(np.linspace(0.02, 0.98, 97), np.linspace(0.1, 0.9, 81))
    angle, height = (u - 0.5) * 2 * np.pi, (v - 0.5) * 2
    ring = np.sqrt(1 - height**2)
    vertices = np.stack([ring * np.sin(angle), height, ring * np.cos(angle)], -1).reshape(-1, 3).astype(np.float32)
    corner = np.arange(vertices.shape[0]).reshape(u.shape)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    mesh = Mesh(vertices, np.stack([u, v], -1).reshape(-1, 2).astype(np.float32), triangles, triangles)
    normals, inside = object_normals(mesh, 128)
    row, column = np.nonzero(inside)
    angle, height = ((column + 0.5) / 128 - 0.5) * 2 * np.pi, ((1 - (row + 0.5) / 128) - 0.5) * 2
    ring = np.sqrt(1 - height**2)
    expected = np.stack([ring * np.sin(angle), height, ring * np.cos(angle)], -1)
    within = (np.abs(height) < 0.7) & (np.abs(angle) < 2.8)  # at the border, normals see one side only
    assert np.einsum("nc,nc->n", normals[inside], expected)[within].min() > 0.999
    assert as_picture(np.float32([[[0, 0, 1]]])).tolist() == [[[128, 128, 255]]]
    assert not normals[~inside].any()


def test_vertex_normals_of_the_head_point_outwards(head: Mesh) -> None:
    outwards = head.vertices - head.vertices.mean(0)
    assert (np.einsum("nc,nc->n", vertex_normals(head), outwards) > 0).mean() > 0.9
