"""Parents: no pair before its time, everybody equally often, at every moment."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.selection.parents import draw_parents


def sets(rows: np.ndarray) -> list[frozenset[int]]:
    return [frozenset(row) for row in rows.tolist()]


def unevenness(rows: np.ndarray, members: int) -> int:
    """The largest difference between the uses of two members, after any number of rows."""
    uses = np.zeros((len(rows) + 1, members), int)
    for row, parents in enumerate(rows):
        uses[row + 1] = uses[row]
        uses[row + 1, parents] += 1
    return int((uses.max(axis=1) - uses.min(axis=1)).max())


@given(members=st.integers(2, 24), passes=st.floats(0, 2.5), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_pairs(members, passes, seed):
    every = comb(members, 2)
    rows = draw_parents(members, int(passes * every), 2, np.random.default_rng(seed))
    assert all(len(pair) == 2 for pair in sets(rows))
    for start in range(0, len(rows), every):
        of_this_pass = sets(rows[start : start + every])
        assert len(set(of_this_pass)) == len(of_this_pass)
    assert unevenness(rows, members) <= 1


@given(
    members=st.integers(3, 24),
    parents=st.integers(3, 6),
    count=st.integers(0, 60),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_more_parents(members, parents, count, seed):
    parents = min(parents, members)
    rows = draw_parents(members, count, parents, np.random.default_rng(seed))
    assert rows.shape == (count, parents)
    assert all(len(one) == parents for one in sets(rows))
    assert unevenness(rows, members) <= 1
    if comb(members, parents) > 20 * count:
        assert len(set(sets(rows))) == count


@pytest.mark.parametrize(("members", "parents"), [(10, 2), (11, 2), (10, 3), (5, 5)])
def test_a_longer_draw_begins_with_the_shorter(members, parents):
    short, long = (draw_parents(members, n, parents, np.random.default_rng(3)) for n in (7, 99))
    assert np.array_equal(short, long[:7])


@pytest.mark.slow
@pytest.mark.parametrize("members", [30, 31])
def test_every_pair_is_as_likely_as_any_other(members):
    """The first pair over many seeds: chi-square against the uniform distribution."""
    counts = np.zeros((members, members))
    for seed in range(8700):
        one, other = sorted(draw_parents(members, 1, 2, np.random.default_rng(seed))[0])
        counts[one, other] += 1
    found = counts[np.triu_indices(members, 1)]
    expected = 8700 / len(found)
    chi_square = ((found - expected) ** 2 / expected).sum()
    assert abs(chi_square - len(found)) < 5 * np.sqrt(2 * len(found))


@pytest.mark.parametrize(("members", "parents"), [(1, 2), (2, 3), (5, 1)])
def test_refuses_what_cannot_be_mixed(members, parents):
    with pytest.raises(ValueError, match="parents"):
        draw_parents(members, 1, parents, np.random.default_rng(0))
