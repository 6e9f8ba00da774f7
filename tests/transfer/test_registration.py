"""Heads without common triangles, laid onto each other: against the surface that both are made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.transfer.heads import remeshed

from ffhq_uv.analysis.deep3d import MODEL
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import rotation
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.rasterise import rasterise_uv
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.transfer.correspondence import by_surface
from ffhq_uv.transfer.landmarks import read_landmarks
from ffhq_uv.transfer.nearest import Surface
from ffhq_uv.transfer.registration import register, similarity, thin_plate

SIZE = 1024


@pytest.fixture(scope="module")
def head(studio_assets: Path) -> Mesh:
    return load_mesh(studio_assets)


@pytest.fixture(scope="module")
def keypoints(studio_assets: Path) -> np.ndarray:
    return MorphableModel.load(studio_assets / MODEL).keypoints.numpy()


def texels_off(head: Mesh, target: Mesh, uv: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """How far from the truth the texels of a target take their colour, in texels of the source."""
    (tile,), _ = by_surface(head, target, placed, SIZE // 2, SIZE, filtered=False)
    step = tile.factor
    place = tile.place[step // 2 :: step, step // 2 :: step]
    size = len(place)
    index, weight, inside = rasterise_uv(target.triangles, target.triangles_uv, target.uv, size)
    true = np.einsum("ijk,ijkc->ijc", weight, uv[index])
    off = (place - np.stack([true[..., 0], 1 - true[..., 1]], -1)) * SIZE
    return np.linalg.norm(off, axis=-1)[inside & tile.inside]


@pytest.mark.slow
def test_a_remeshed_copy_finds_its_own_surface(head: Mesh, keypoints: np.ndarray) -> None:
    """Turned, in other units, by landmarks that are only the vertices nearest to the true ones."""
    copy, uv = remeshed(head, side=60)
    turn = rotation(torch_vector([0.1, -0.2, 0.35])).numpy()
    moved = replace(copy, vertices=(copy.vertices @ turn * 37 + [5, -100, 20]).astype(np.float32))
    near = ((copy.vertices[:, None] - head.vertices[keypoints]) ** 2).sum(-1).argmin(0)
    found = register(head, moved, (head.vertices[keypoints].astype(float), moved.vertices[near].astype(float)))
    assert found.matched.mean() > 0.98
    assert np.median(texels_off(head, moved, uv, found.vertices)) <= 2


@pytest.mark.slow
def test_a_head_that_looks_along_z_needs_no_landmarks(head: Mesh) -> None:
    copy, uv = remeshed(head, side=40)
    moved = replace(copy, vertices=(copy.vertices * 0.2 + [0, 1.6, 0]).astype(np.float32))
    found = register(head, moved)
    assert np.median(texels_off(head, moved, uv, found.vertices)) <= 2


def torch_vector(angles: list[float]):
    import torch

    return torch.tensor(angles)


@given(st.integers(0, 10**6))
def test_a_similarity_is_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(6, 3))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn)) * rng.uniform(0.1, 10)
    found, shift = similarity(points, points @ turn + [1, 2, 3])
    np.testing.assert_allclose(found, turn, atol=1e-6)
    np.testing.assert_allclose(shift, [1, 2, 3], atol=1e-6)


def test_landmarks_that_say_too_little_are_refused() -> None:
    flat = np.random.default_rng(0).normal(size=(9, 3)) * [1, 1, 0]
    with pytest.raises(ValueError, match="one plane"):
        similarity(flat, flat)
    with pytest.raises(ValueError, match="at least four"):
        similarity(flat[:3], flat[:3])


def test_a_thin_plate_keeps_affine_maps_and_meets_its_points() -> None:
    rng = np.random.default_rng(0)
    at, points = rng.normal(size=(30, 3)), rng.normal(size=(50, 3))
    matrix = rng.normal(size=(3, 3))
    np.testing.assert_allclose(thin_plate(at, at @ matrix + 1, points, 0), points @ matrix + 1, atol=1e-9)
    shifts = rng.normal(size=(30, 3))
    np.testing.assert_allclose(thin_plate(at, shifts, at, 0), shifts, atol=1e-9)


@pytest.mark.slow
@given(st.integers(0, 10**6))
def test_nearest_points_are_those_of_a_plain_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    vertices, triangles = rng.normal(size=(40, 3)), rng.integers(0, 40, (int(rng.integers(1, 60)), 3))
    triangles = triangles[(triangles != np.roll(triangles, 1, 1)).all(1)]
    if len(triangles) == 0:
        return
    points, facing = rng.normal(size=(20, 3)) * 2, rng.normal(size=(20, 3))
    facing /= np.linalg.norm(facing, axis=1, keepdims=True)
    found = Surface.of(vertices, triangles).nearest(points, facing, 0.5)
    corners = vertices[triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    steps = np.linspace(0, 1, 41)
    inner = np.array([(1 - a - b, a, b) for a in steps for b in steps if a + b <= 1 + 1e-9])
    sampled = inner @ corners  # every triangle's points
    for point, direction, triangle, weight, distance in zip(
        points, facing, found.triangle, found.weight, found.distance, strict=True
    ):
        agrees = normals @ direction >= 0.5
        assert (triangle >= 0) == agrees.any()
        if triangle < 0:
            assert np.isinf(distance)
            continue
        assert agrees[triangle]
        assert weight.min() >= 0
        assert weight.sum() == pytest.approx(1)
        assert np.linalg.norm(weight @ corners[triangle] - point) == pytest.approx(distance)
        assert distance <= np.linalg.norm(sampled[agrees] - point, axis=-1).min() + 1e-9


def test_landmarks_are_vertices_points_or_unknown(tmp_path: Path) -> None:
    vertices = np.arange(300, dtype=np.float32).reshape(-1, 3)
    path = tmp_path / "landmarks.txt"
    path.write_text("7\n0.5 1 2\n-\n" + "1\n" * 65)
    found = read_landmarks(path, vertices)
    assert found[:2].tolist() == [[21, 22, 23], [0.5, 1, 2]]
    assert np.isnan(found[2]).all()
    path.write_text("[7, [0.5, 1, 2], null" + ", 1" * 65 + "]")
    np.testing.assert_array_equal(read_landmarks(path, vertices), found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2\n", "2 landmarks, expected 68"),
        ("1\n" * 67 + "100\n", r"landmark 67: '100' is no vertex from 0 to 99"),
        ("x\n" * 68, "landmark 0: 'x'"),
        ("1 2 nan\n" * 68, "landmark 0"),
        ("[1, 2", "no JSON"),
    ],
)
def test_what_is_no_landmark_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "landmarks.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_landmarks(path, np.zeros((100, 3), np.float32))
