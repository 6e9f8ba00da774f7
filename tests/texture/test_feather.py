import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ffhq_uv.texture.feather import WHOLE, erode, margin, product, radius, soften, weights

SIDE = 40
binary = hnp.arrays(np.uint8, (SIDE, SIDE), elements=st.integers(0, 1), fill=st.just(1))


def test_windows_scale_with_the_map() -> None:
    assert [radius(25, size) for size in (1024, 2048, 512, 256, 16)] == [25, 50, 13, 6, 0]


@settings(deadline=None)
@given(binary)
def test_erosion_is_chained_box_filters_that_stay_at_one(mask: np.ndarray) -> None:
    blurred = mask.astype(np.float32)
    for side in (3, 5):
        blurred = cv2.blur(blurred, (side, side))
    np.testing.assert_array_equal(erode(mask, 3), (blurred >= 1).astype(np.uint8))


@settings(deadline=None)
@given(binary, binary, binary)
def test_soft_mask_is_between_nothing_and_the_blurred_whole(
    mask: np.ndarray, major: np.ndarray, minor: np.ndarray
) -> None:
    mask, major, minor = (m * np.uint16(WHOLE) for m in (mask, major * minor, minor))
    soft = soften(mask, major, minor, 256)
    assert (soft <= WHOLE).all()
    assert (soft <= soften(np.full_like(mask, WHOLE), major, minor, 256)).all()


def test_soft_masks_of_whole_numbers_are_those_of_floats() -> None:
    rng = np.random.default_rng(2)
    shares = rng.random((3, SIDE, SIDE)).astype(np.float32)
    mask, major, minor = shares
    strong = mask * major
    weak = 0.8 * cv2.blur(mask * minor, (13, 13))
    expected = cv2.blur(strong + (1 - strong) * weak, (9, 9))
    np.testing.assert_allclose(soften(*weights(shares), 256) / WHOLE, expected, atol=1e-4)
    np.testing.assert_allclose(product(*weights(shares[:2])) / WHOLE, strong, atol=1e-4)


def test_a_window_around_minor_gives_what_the_whole_map_gives() -> None:
    size, reach = 256, margin(256)
    rng = np.random.default_rng(1)
    minor = np.zeros((size, size), np.uint16)
    minor[100:150, 80:170] = WHOLE
    major = minor * (rng.random((size, size)) < 0.7)
    mask = (rng.random((size, size)) < 0.8) * np.uint16(WHOLE)
    window = (slice(100 - reach, 150 + reach), slice(80 - reach, 170 + reach))
    whole = soften(mask, major, minor, size)
    np.testing.assert_array_equal(soften(mask[window], major[window], minor[window], size), whole[window])
    whole[window] = 0
    assert not whole.any()
