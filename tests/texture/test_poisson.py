import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.texture.poisson import complete


def directly(texture: np.ndarray, guide: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The same by a sparse direct solver, in float64."""
    number = np.full(hole.shape, -1)
    number[hole] = np.arange(hole.sum())
    matrix = scipy.sparse.lil_matrix((hole.sum(), hole.sum()))
    right = np.zeros((hole.sum(), 3))
    for row, column in np.argwhere(hole):
        k = number[row, column]
        matrix[k, k] = 4
        right[k] = 4 * guide[:, row, column]
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            right[k] -= guide[:, r, c]
            if hole[r, c]:
                matrix[k, number[r, c]] = -1
            else:
                right[k] += texture[:, r, c]
    result = texture.astype(np.float64)
    result[:, hole] = scipy.sparse.linalg.spsolve(matrix.tocsc(), right).reshape(-1, 3).T
    return result


def random_case(seed: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    texture, guide = rng.uniform(0, 255, (2, 3, height, width)).astype(np.float32)
    hole = np.zeros((height, width), bool)
    hole[1:-1, 1:-1] = rng.random((height - 2, width - 2)) < rng.uniform(0.05, 1)
    return texture, guide, hole


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32), st.integers(3, 40), st.integers(3, 40))
def test_equals_a_direct_sparse_solve(seed: int, height: int, width: int) -> None:
    texture, guide, hole = random_case(seed, height, width)
    if hole.any():
        expected = directly(texture, guide, hole)
        np.testing.assert_allclose(complete(texture, guide, hole), expected, atol=0.1)


@pytest.mark.slow
def test_a_large_hole_converges_too() -> None:
    texture, guide, hole = random_case(5, 140, 300)
    hole[1:-1, 1:-1] = True
    expected = directly(texture, guide, hole)
    np.testing.assert_allclose(complete(texture, guide, hole), expected, atol=0.25)


def test_a_guide_that_differs_by_a_constant_gives_the_texture_back() -> None:
    texture, _, hole = random_case(1, 30, 41)
    np.testing.assert_allclose(complete(texture, texture - 40, hole), texture, atol=1e-2)


def test_texels_outside_the_hole_are_untouched() -> None:
    texture, guide, hole = random_case(2, 20, 21)
    result = complete(texture, guide, np.ones_like(hole))
    for border in (np.s_[:, 0], np.s_[:, -1], np.s_[:, :, 0], np.s_[:, :, -1]):
        np.testing.assert_array_equal(result[border], texture[border])
    np.testing.assert_array_equal(complete(texture, guide, np.zeros_like(hole)), texture)
