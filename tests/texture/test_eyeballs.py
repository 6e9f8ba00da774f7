"""Eyeballs of other heads: found by their shape only, put where there is room, painted by the angle from their gaze."""

from __future__ import annotations

import numpy as np
from tests.texture.eyed import RINGS, with_balls

from ffhq_uv.texture.eyeballs import find_eyeballs, painted, placed
from ffhq_uv.texture.mesh import Mesh

SIZE = 256


def sheet(width: float = 0.7) -> Mesh:
    """A bent sheet that fills the left part of the layout."""
    side = np.linspace(0, 1, 12)
    x, y = (part.ravel() for part in np.meshgrid(side, side))
    corner = np.arange(144).reshape(12, 12)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, :-1], corner[1:, 1:]))
    triangles = np.concatenate([np.stack([a, b, d], 1), np.stack([a, d, c], 1)])
    points = np.stack([x, y, -((x - 0.5) ** 2)], 1)
    return Mesh(points.astype(np.float32), np.stack([width * x, y], 1).astype(np.float32), triangles, triangles)


def test_round_pieces_as_large_as_eyes_are_found_and_nothing_else() -> None:
    assert find_eyeballs(sheet()) == []
    assert find_eyeballs(with_balls(sheet(), (0.72, 0), 0.13, stretch=0.7)) == []
    mesh = with_balls(sheet(), (0.72, 0), 0.13)
    eyes = find_eyeballs(mesh)
    assert [len(eye.triangles) for eye in eyes] == [(RINGS - 1) * 32] * 2
    for eye, x in zip(eyes, (-0.15, 0.15), strict=True):
        np.testing.assert_allclose(eye.centre[0], 0.5 + x, atol=1e-3)
        np.testing.assert_allclose(eye.radius, 0.05, rtol=1e-3)


def test_an_eye_is_dark_in_the_middle_then_brown_then_white() -> None:
    mesh = with_balls(sheet(), (0.72, 0), 0.13)
    eyes = find_eyeballs(mesh)
    assert placed(mesh, eyes, SIZE) is mesh
    mask, colours = painted(mesh, eyes, SIZE)
    picture = np.zeros((SIZE, SIZE, 3), np.uint8)
    picture[mask] = colours
    assert not mask[:, : int(0.7 * SIZE)].any()
    for number in range(2):
        column, row = int((0.72 + 0.13 * (number + 0.5)) * SIZE), int((1 - 0.065) * SIZE)
        assert picture[row, column].max() < 30
        beside = picture[row, column + round(0.13 * SIZE * 0.48 * 22 / 180)].astype(int)
        assert 15 < beside[2] < beside[0] < 120
        assert picture[row, column + round(0.13 * SIZE * 0.48 * 60 / 180)].min() > 200


def test_eyes_in_another_tile_get_a_square_that_no_skin_covers() -> None:
    mesh = with_balls(sheet(), (2, 0), 0.5)
    eyes = find_eyeballs(mesh)
    found = placed(mesh, eyes, SIZE)
    skin, corners = len(sheet().triangles), found.uv[found.triangles_uv]
    np.testing.assert_array_equal(corners[:skin], sheet().uv[sheet().triangles_uv])
    np.testing.assert_array_equal(found.triangles, mesh.triangles)
    assert corners[skin:, :, 0].min() > 0.7
    assert corners[skin:].max() <= 1
    assert np.ptp(corners[skin:, :, 0]) > 0.2  # as large as there is room
    mask, colours = painted(found, eyes, SIZE)
    assert mask[:, int(0.72 * SIZE) :].any()
    assert not mask[:, : int(0.7 * SIZE)].any()
    assert colours.min() < 30


def test_without_room_for_them_they_stay_unpainted() -> None:
    mesh = with_balls(sheet(1.0), (2, 0), 0.5)
    eyes = find_eyeballs(mesh)
    assert placed(mesh, eyes, SIZE) is mesh
    assert not painted(mesh, eyes, SIZE)[0].any()
