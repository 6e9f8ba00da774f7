import numpy as np
import pytest

from ffhq_uv.texture.pyramid import blend_difference


@pytest.mark.parametrize("shape", [(64, 64), (96, 160), (2, 2), (17, 33)])
def test_a_full_mask_keeps_the_difference_and_an_empty_one_nothing(shape: tuple[int, int]) -> None:
    difference = np.random.default_rng(0).normal(0, 30, (3, *shape)).astype(np.float32)
    kept = difference.copy()
    blend_difference(kept, np.ones(shape, np.float32))
    np.testing.assert_allclose(kept, difference, atol=1e-4)
    blend_difference(kept, np.zeros(shape, np.float32))
    np.testing.assert_array_equal(kept, np.zeros_like(kept))


def test_equals_the_recipe_as_it_is_written() -> None:
    from texture_reference import pyramid_blend

    rng = np.random.default_rng(1)
    texture, base = rng.uniform(60, 190, (2, 128, 96, 3)).astype(np.float32)
    mask = (rng.random((8, 6)) < 0.5).repeat(16, 0).repeat(16, 1).astype(np.float32)
    expected = pyramid_blend(texture, base, np.repeat(mask[..., None], 3, 2))
    blend = np.ascontiguousarray(np.moveaxis(texture - base, -1, 0))
    blend_difference(blend, mask)
    found = (np.moveaxis(blend, 0, -1) + base).clip(0, 255)
    np.testing.assert_allclose(found, expected, atol=1e-2)
