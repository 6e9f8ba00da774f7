"""Moving a map: what is built and what is not give the same bytes, cubic convolution gives what it must."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from ffhq_uv.transfer import resampling
from ffhq_uv.transfer.correspondence import Correspondence
from ffhq_uv.transfer.cubic import PARTS, UNIT, weights
from ffhq_uv.transfer.resampling import Resampler

SIZE = 48


def at(place: np.ndarray) -> Resampler:
    """Samples of maps of SIZE texels, at pixels [S, S, 2], x and row."""
    everywhere = np.ones(place.shape[:2], bool)
    return Resampler(Correspondence(1001, ((place + 0.5) / SIZE).astype(np.float32), everywhere, 1), SIZE)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3)).astype(np.uint8)


def anywhere(seed: int = 1) -> np.ndarray:
    """Places on 1/32 of a texel, some far outside of the map."""
    rng = np.random.default_rng(seed)
    return rng.integers(-8 * PARTS, (SIZE + 8) * PARTS, (60, 60, 2)) / PARTS


def test_weights_are_whole_and_sum_to_one() -> None:
    found = weights().reshape(PARTS, PARTS, 4, 4)
    assert (found.sum((2, 3)) == UNIT).all()
    np.testing.assert_array_equal(found[0, 0], UNIT * np.outer([0, 1, 0, 0], [0, 1, 0, 0]))
    np.testing.assert_array_equal(found[0, 16, 1], np.array([-3, 19, 19, -3]) * UNIT // 32)  # a = -3/4, half way
    assert np.abs(found).sum((2, 3)).max() * 255 < 1 << 24  # so floats hold every sum exactly


def test_the_library_and_the_kernel_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    move = at(anywhere())
    if resampling._library() is None:
        pytest.skip("no C++ compiler here")
    built = move(noise())
    monkeypatch.setattr(resampling, "_library", lambda: None)
    np.testing.assert_array_equal(move(noise()), built)


def test_it_is_opencvs_cubic_to_a_grey_level_also_beyond_the_map() -> None:
    place = anywhere().astype(np.float32)
    expected = cv2.remap(noise(), place, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    difference = np.abs(at(place)(noise()).astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


def test_texels_come_back_and_a_ramp_stays_a_ramp() -> None:
    row, x = np.mgrid[0:SIZE, 0:SIZE]
    np.testing.assert_array_equal(at(np.stack([x, row], -1))(noise()), noise())
    ramp = np.repeat((4 * x + row)[..., None], 3, 2).astype(np.uint8)
    place = np.stack([x + 0.25, row], -1)
    inside = np.s_[2:-2, 2:-2]
    assert np.abs(at(place)(ramp)[inside].astype(int) - (ramp[inside] + 1)).max() <= 1


def test_the_second_map_has_nothing_of_the_first() -> None:
    move, fresh = at(anywhere()), at(anywhere())
    move(noise(2))
    np.testing.assert_array_equal(move(noise(3)), fresh(noise(3)))


def test_a_map_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(16, 16, 3\), expected \(48, 48, 3\)"):
        at(anywhere())(np.zeros((16, 16, 3), np.uint8))
