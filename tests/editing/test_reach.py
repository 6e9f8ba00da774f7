"""How far codes may be from the middle of their data set."""

from __future__ import annotations

import numpy as np
import pytest

from ffhq_uv.editing.reach import reach


def test_the_farthest_layer_is_named_and_what_is_nearer_passes() -> None:
    codes = np.zeros((5, 18, 512), np.float32)
    codes[:, :, 0] = np.arange(-2, 3)[:, None]  # distances 2, 1, 0, 1, 2 of every layer
    found = reach(lambda: [codes[:2], codes[2:]], quantile=0.5, slack=2)
    np.testing.assert_array_equal(found.middle, 0)
    np.testing.assert_array_equal(found.farthest, 2)
    edited = codes[2:4, None].repeat(3, 1)
    edited[1, 2, 7, 1] = 9
    edited[1, 2, 8, 1] = 10
    assert found.beyond(edited) == [
        None,
        "layer 8 is 10 from the middle of the data set's codes, farther than 2",
    ]


def test_it_does_not_depend_on_how_the_codes_come() -> None:
    codes = np.random.default_rng(0).normal(size=(40, 18, 512)).astype(np.float32)
    one, many = reach(lambda: [codes], 0.9, 1), reach(lambda: np.array_split(codes, 40), 0.9, 1)
    np.testing.assert_allclose(one.farthest, many.farthest, rtol=1e-6)


def test_without_codes_there_is_no_middle() -> None:
    with pytest.raises(ValueError, match="no codes"):
        reach(lambda: [], 0.5, 1)
