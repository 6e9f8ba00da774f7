"""Eyeballs of heads whose sockets are empty: found, put behind the lids, looking ahead."""

import os
from pathlib import Path

import numpy as np
import pytest

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.formats.published import MODEL
from ffhq_uv.page.eyes import RADIUS, ball_triangles, ball_uv, eyeballs, sockets
from ffhq_uv.page.head import closed, holes, topology
from ffhq_uv.studio.head import head
from ffhq_uv.texture.mesh import read_obj

EYES = np.array([[-0.3, 0.0], [0.3, 0.0]])
WIDTH = 0.3


def face(depth: float, slant: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A plane with pockets of this depth at both eyes, its sides bent back: vertices and 68 landmarks."""
    side = np.linspace(-0.8, 0.8, 161)
    x, y = (part.ravel() for part in np.meshgrid(side, side))
    z = -slant * np.abs(x)
    for middle in EYES:
        inside = ((x - middle[0]) / (0.5 * WIDTH)) ** 2 + ((y - middle[1]) / (0.25 * WIDTH)) ** 2 < 0.9
        z = np.where(inside, z - depth, z)
    places = np.zeros((68, 2))
    angles = np.pi - np.arange(6) * np.pi / 3
    lids = np.stack([0.5 * WIDTH * np.cos(angles), 0.25 * WIDTH * np.sin(angles)], 1)
    places[36:42], places[42:48] = EYES[0] + 1.05 * lids, EYES[1] + 1.05 * lids
    nearest = [int(np.argmin((x - u) ** 2 + (y - v) ** 2)) for u, v in places]
    return np.stack([x, y, z], 1).astype(np.float32), np.array(nearest)


@pytest.mark.parametrize(("depth", "eyes"), [(0.1, 2), (0.0, 0), (-0.05, 0)])
def test_only_an_empty_socket_gets_a_ball(depth: float, eyes: int) -> None:
    assert len(sockets(*face(depth))) == eyes


@pytest.mark.parametrize("slant", [0.0, 0.2])
def test_a_ball_touches_its_lids_from_behind_and_looks_ahead(slant: float) -> None:
    vertices, keypoints = face(0.1, slant)
    found = sockets(vertices, keypoints)
    balls = eyeballs(vertices, found).reshape(2, -1, 3).astype(float)
    for ball, lids in zip(balls, found, strict=True):
        pole, edge = ball[0], ball[-24:]
        middle = edge.mean(0)
        radius = np.linalg.norm(pole - middle)
        width = np.linalg.norm(vertices[lids[3]] - vertices[lids[0]])
        assert np.isclose(radius, RADIUS * width, rtol=1e-3)
        np.testing.assert_allclose((pole - middle) / radius, [0, 0, 1], atol=2e-2)
        gaps = np.linalg.norm(vertices[lids[[1, 2, 4, 5]]] - middle, axis=1) - radius
        assert 0 < gaps.mean() < 0.04 * width
        a, b, c = (ball[ball_triangles()[:, k]] for k in range(3))
        outwards = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - middle)
        assert (outwards > 0).all()


def test_the_topology_counts_the_balls_that_a_head_has() -> None:
    vertices, keypoints = face(0.1)
    triangles = np.array([[0, 1, 161], [1, 162, 161]])
    uv = np.zeros((len(vertices), 2), np.float32)
    plain, eyed = (topology(triangles, triangles, uv, len(vertices), eyes) for eyes in (0, 2))
    assert eyed["eyes"] == 2 * ball_triangles().size
    balls = eyeballs(vertices, sockets(vertices, keypoints))
    assert eyed["vertices"] - plain["vertices"] == len(balls) == 2 * len(ball_uv())


def test_the_studios_head_has_eyes_of_its_own() -> None:
    assert len(sockets(head().mean.astype(np.float32), head().keypoints)) == 0


def test_the_published_head_is_closed_at_its_neck_and_gets_two_eyes() -> None:
    folder = os.environ.get("FFHQ_UV_EXAMPLE")
    if not folder:
        pytest.skip("FFHQ_UV_EXAMPLE is unset: no published head to read")
    mesh = read_obj(Path(folder) / "demo_head" / "mesh_head.obj")
    model = MorphableModel.load(Path(folder) / "stand_in_topo_assets" / MODEL)
    found = holes(mesh.triangles, mesh.triangles_uv)
    assert [len(rim) for rim, _ in found.rims] == [128]
    lids = sockets(closed(model.mean.numpy(), found), model.keypoints.numpy())
    assert len(lids) == 2
    balls = eyeballs(mesh.vertices, lids).reshape(2, -1, 3)
    assert abs(balls[0, 0, 1] - balls[1, 0, 1]) < 0.05
    assert np.abs(balls[:, 0] - mesh.vertices[lids].mean(1)).max() < 0.1  # about a centimetre
