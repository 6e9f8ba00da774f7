"""Exported heads, opened by a library that knows nothing of this project."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
from dome import dome, smooth_faces

from ffhq_uv.texture.export import glb_file, mtl_file, obj_file, vertex_normals
from ffhq_uv.texture.mesh import Mesh, read_obj

SIZE = 64


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """The dome, cut along a UV seam: its first triangle has UV coordinates of its own."""
    vertices, uv, triangles = dome()
    uv, triangles_uv = np.concatenate([uv, uv[triangles[0]] / 2]), triangles.copy()
    triangles_uv[0] = len(uv) - 3 + np.arange(3)
    return Mesh(vertices.astype(np.float32), uv.astype(np.float32), triangles, triangles_uv)


@pytest.fixture(scope="module")
def written(mesh: Mesh, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    texture = smooth_faces(1, 1, SIZE)[0, 0].numpy()
    png = cv2.imencode(".png", texture[..., ::-1])[1].tobytes()
    (folder / "head.png").write_bytes(png)
    (folder / "head.mtl").write_bytes(mtl_file("head"))
    (folder / "head.obj").write_bytes(obj_file(mesh, "head"))
    (folder / "head.glb").write_bytes(glb_file(mesh, png, "head"))
    return folder


@pytest.mark.parametrize("kind", ["obj", "glb"])
def test_a_viewer_finds_every_corner_with_its_place_and_its_texel(written: Path, mesh: Mesh, kind: str) -> None:
    found = trimesh.load(written / f"head.{kind}", force="mesh", process=False)
    assert found.faces.shape == mesh.triangles.shape
    np.testing.assert_array_equal(found.triangles.astype(np.float32), mesh.vertices[mesh.triangles])
    np.testing.assert_allclose(found.visual.uv[found.faces], mesh.uv[mesh.triangles_uv], atol=1e-7)
    material = found.visual.material
    picture = material.baseColorTexture if kind == "glb" else material.image
    expected = cv2.imread(str(written / "head.png"))[..., ::-1]
    np.testing.assert_array_equal(np.array(picture.convert("RGB")), expected)


def test_the_obj_reads_back_as_the_same_mesh(written: Path, mesh: Mesh) -> None:
    found = read_obj(written / "head.obj")
    for name in ("vertices", "uv", "triangles", "triangles_uv"):
        np.testing.assert_array_equal(getattr(found, name), getattr(mesh, name), err_msg=name, strict=True)


def test_only_vertices_on_uv_seams_are_doubled_in_the_glb(written: Path, mesh: Mesh) -> None:
    found = trimesh.load(written / "head.glb", force="mesh", process=False)
    alone = sum(np.isin(mesh.triangles[1:], corner).any() for corner in mesh.triangles[0])
    assert len(found.vertices) == len(mesh.vertices) + alone


def test_normals_are_unit_and_point_out_of_the_face(written: Path, mesh: Mesh) -> None:
    normals = vertex_normals(mesh)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)
    assert normals[len(normals) // 2, 2] > 0.9
    found = trimesh.load(written / "head.glb", force="mesh", process=False)
    assert (np.einsum("nc,nc->n", found.face_normals, normals[mesh.triangles].mean(1)) > 0).all()
