"""The head model: a valid mesh, laid out like the published one, symmetric, human in its proportions."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from ffhq_uv.studio.head import EXPRESSION, IDENTITY, ONE_SIDED, head
from ffhq_uv.texture.rasterise import rasterise_uv

PUBLISHED = {8: (512, 732), 30: (512, 468), 36: (348, 384), 39: (441, 385), 42: (583, 385), 45: (676, 384)}
PUBLISHED |= {48: (417, 594), 54: (607, 594)}


def test_every_triangle_has_an_area_on_the_head_and_in_the_map() -> None:
    h = head()
    a, b, c = (h.mean[h.triangles[:, k]].astype(np.float64) for k in range(3))
    assert (np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-7).all()
    a, b, c = (h.uv[h.uv_triangles[:, k]].astype(np.float64) for k in range(3))
    doubled = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    # All turn the same way and together fill exactly their outline: no two overlap.
    assert (doubled > 0).all()
    low, high = h.uv.min(0), h.uv.max(0)
    assert doubled.sum() / 2 == pytest.approx((high - low).prod(), rel=1e-6)
    assert doubled.sum() / 2 > 0.94


def test_around_each_vertex_at_most_eight_faces_all_listed() -> None:
    h = head()
    counts = np.bincount(h.triangles.ravel(), minlength=len(h.mean))
    listed = (h.vertex_faces < len(h.triangles)).sum(1)
    assert counts.max() <= 8
    assert (counts == listed).all()
    for vertex in (0, 5000, len(h.mean) - 1):
        around = h.vertex_faces[vertex, : listed[vertex]]
        assert (h.triangles[around] == vertex).any(1).all()


def test_the_map_entries_belong_to_the_vertices_of_the_same_corners() -> None:
    h = head()
    assert (h.uv_vertices[h.uv_triangles] == h.triangles).all()
    owners = np.bincount(h.uv_vertices)
    assert set(owners) == {1, 2}  # two only along the cut at the back


def test_landmarks_stand_where_the_published_layout_has_them() -> None:
    h = head()
    for landmark, (column, row) in PUBLISHED.items():
        u, v = h.uv[h.uv_vertices == h.keypoints[landmark]][0]
        assert np.hypot(u * 1024 - column, (1 - v) * 1024 - row) < 5, landmark


def test_mean_head_is_recentred_symmetric_and_human() -> None:
    h = head()
    assert np.abs(h.mean.mean(0)).max() < 1e-6
    marks = h.mean[h.keypoints]
    mirror = np.array([-1, 1, 1])
    for left, right in ((36, 45), (39, 42), (48, 54), (0, 16), (31, 35)):
        np.testing.assert_allclose(marks[left], marks[right] * mirror, atol=1e-5)
    assert 1.5 < np.ptp(h.mean[:, 0]) < 1.9  # with ears, units of 10 cm
    between_pupils = (marks[42:48].mean(0) - marks[36:42].mean(0))[0]
    assert between_pupils == pytest.approx(0.63, abs=0.05)
    assert (marks[54] - marks[48])[0] == pytest.approx(0.5, abs=0.08)
    assert marks[30, 2] > marks[8, 2]  # the nose leads
    assert marks[27, 1] > marks[30, 1] > marks[51, 1] > marks[57, 1] > marks[8, 1]


def test_the_surface_faces_outwards() -> None:
    h = head()
    a, b, c = (h.mean[h.triangles[:, k]].astype(np.float64) for k in range(3))
    normal, middle = np.cross(b - a, c - a), (a + b + c) / 3
    # The flux of the position is three times the volume (litres), but for the open neck's share.
    assert 2 < (normal * middle).sum() / 6 < 6


def test_the_back_of_the_skull_is_convex() -> None:
    h = head()
    column, row = np.abs(h.uv[:, 0] * 1024 - 512), (1 - h.uv[:, 1]) * 1024
    back = h.mean[h.uv_vertices[(column >= 412) & (row > 60) & (row < 500)]].astype(np.float64)
    facets = ConvexHull(back).equations
    behind = facets[facets[:, 2] < -0.2]
    depth = -(back @ behind[:, :3].T + behind[:, 3]).max(1)
    assert len(back) > 500
    assert depth.max() < 0.002  # a fifth of a millimetre; above the nape, which is hollow


@pytest.mark.parametrize("shapes", [IDENTITY, EXPRESSION])
def test_each_shape_moves_something_smoothly_and_only_the_named_ones_are_lopsided(shapes: dict) -> None:
    h = head()
    basis = h.identity if shapes is IDENTITY else h.expression
    assert basis.shape[2] == len(shapes)
    place = {tuple(np.round(p, 4)): k for k, p in enumerate(h.mean.tolist())}
    pairs = [(k, place.get((round(-x, 4), round(y, 4), round(z, 4)))) for k, (x, y, z) in enumerate(h.mean.tolist())]
    pairs = np.array([(k, m) for k, m in pairs if m is not None])
    assert len(pairs) > 0.9 * len(h.mean)
    for k, name in enumerate(shapes):
        moved = basis[..., k]
        assert 0.004 < np.abs(moved).max() < 0.25, name
        lopsided = np.abs(moved[pairs[:, 0]] - moved[pairs[:, 1]] * [-1, 1, 1]).max()
        assert (lopsided > 1e-3) == (name in ONE_SIDED), name
        edge = moved[h.triangles[:, 0]] - moved[h.triangles[:, 1]]
        assert np.linalg.norm(edge, axis=1).max() < 0.12, name


def test_the_mesh_covers_the_map_without_holes() -> None:
    h = head()
    _, weight, inside = rasterise_uv(h.triangles, h.uv_triangles, h.uv, 256)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    assert weight[inside].sum(1) == pytest.approx(1, abs=1e-5)
