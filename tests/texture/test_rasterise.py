import numpy as np
import pytest
from dome import dome

from ffhq_uv.texture.rasterise import rasterise_uv

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def centres(size: int) -> np.ndarray:
    at = (np.arange(size) + 0.5) / size
    return np.stack(np.broadcast_arrays(at[None, :], 1 - at[:, None]), -1)


@pytest.mark.parametrize("size", [1, 7, 64, 200])
def test_weights_give_back_the_texel_centre(size: int) -> None:
    _, uv, triangles = dome()
    index, weight, inside = rasterise_uv(triangles, triangles, uv, size)
    u, v = centres(size)[..., 0], centres(size)[..., 1]
    assert (inside == ((u >= 0.04) & (u <= 0.96) & (v >= 0.03) & (v <= 0.97))).all()
    found = (uv[index] * weight[..., None]).sum(-2)
    np.testing.assert_allclose(found[inside], centres(size)[inside], atol=1e-6)
    np.testing.assert_allclose(weight[inside].sum(-1), 1, atol=1e-6)
    assert (weight >= 0).all()
    assert not index[~inside].any()
    assert not weight[~inside].any()


def test_texel_on_a_shared_edge_goes_to_the_triangle_listed_first() -> None:
    size = 16
    for order in ([0, 1], [1, 0]):
        index, _, inside = rasterise_uv(HALVES[order], HALVES[order], SQUARE, size)
        assert inside.all()  # the diagonal runs through texel centres: none may be lost
        diagonal = index[::-1][np.arange(size), np.arange(size)]
        assert (diagonal == HALVES[order[0]]).all()


def test_order_and_turn_of_the_corners_do_not_matter() -> None:
    _, uv, triangles = dome()
    index, weight, inside = rasterise_uv(triangles, triangles, uv, 90)
    turned = triangles[:, [2, 1, 0]]
    other_index, other_weight, other_inside = rasterise_uv(turned, turned, uv, 90)
    assert (other_inside == inside).all()
    assert (other_index[..., ::-1] == index).all()
    np.testing.assert_array_equal(other_weight[..., ::-1], weight)


def test_vertices_come_from_the_mesh_and_places_from_the_layout() -> None:
    index, _, _ = rasterise_uv(np.array([[7, 8, 9]]), np.array([[0, 1, 2]]), SQUARE, 4)
    assert index[3, 3].tolist() == [7, 8, 9]


def test_triangles_without_area_or_off_the_map_are_left_out() -> None:
    uv = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.5], [5, 5], [6, 5], [6, 6], [np.nan, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [3, 4, 5], [0, 2, 6]])
    assert not rasterise_uv(triangles, triangles, uv, 32)[2].any()
