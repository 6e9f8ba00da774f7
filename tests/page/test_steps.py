"""Measurements as steps: a bound on a step judges a value's step exactly as the value itself."""

import base64
import gzip
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ffhq_uv.page.script import packed, script
from ffhq_uv.page.steps import MISSING, MOST, steps_for

numbers = st.floats(-2, 2, allow_nan=False)


@given(st.lists(numbers, min_size=1, max_size=30), numbers, st.integers(0, 3), st.sampled_from(["max", "min"]))
def test_a_value_is_within_a_bound_exactly_if_its_step_is(values: list[float], exact: float, digits: int, side) -> None:
    found = np.array(values)
    steps = steps_for(found, digits, [exact])
    known, codes = steps.values(), steps.of(found, side)
    for place in {0, len(known) // 2, len(known) - 1, *np.searchsorted(known, [exact]).clip(max=len(known) - 1)}:
        bound = known[place]
        if side == "max":
            assert ((codes <= place) == (found <= bound)).all()
        else:
            assert ((codes >= place) == (found >= bound)).all()
    assert (np.abs(known[codes] - found) <= 10.0**-digits + 1e-12).all()


def test_steps_are_the_decimal_numbers_that_people_type() -> None:
    steps = steps_for(np.array([1.0005, 9.2]), 3, [4.121979])
    for typed in ("1.001", "4.122", "9.2", "4.121979"):
        assert float(typed) in steps.values()


def test_what_is_not_finite_is_missing() -> None:
    values = np.array([1.0, math.nan, math.inf, -math.inf])
    assert steps_for(values, 2).of(values, "max").tolist()[1:] == [MISSING] * 3


def test_a_wide_column_has_fewer_digits_and_never_too_many_steps() -> None:
    steps = steps_for(np.array([0.0, 1e6]), 3)
    assert steps.digits == 0
    assert steps_for(np.array([-28.0, 32.0]), 3).digits == 2  # with a step at both ends it is more than there may be
    assert len(steps.values()) <= MOST + 1
    assert steps.of(np.array([1e6]), "max").tolist() == [MOST]


def test_packed_numbers_are_sorted_by_the_place_of_their_bytes() -> None:
    plain = gzip.decompress(base64.b64decode(packed(np.array([0x0102, 0x0304], np.uint16))))
    assert plain == bytes([2, 4, 1, 3])
    assert packed(np.arange(9)) == packed(np.arange(9))


def test_a_script_refuses_what_no_page_could_read() -> None:
    assert script("page", {"a": "x"}) == 'FFHQ_UV.page({"a":"x"});\n'
    with pytest.raises(ValueError, match="JSON"):
        script("page", math.nan)
