"""Equal steps: near the limit, and every sample as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.editing.rule import GOLDEN, attributes, code, flow

from ffhq_uv.editing.edits import PUBLISHED, PUBLISHED_VIEWS, Edit, along
from ffhq_uv.editing.exact_solver import BLOCK, ExactSolver, runs
from ffhq_uv.editing.slots import BALDNESS, YAW


@pytest.mark.parametrize("weights", ["A", "B"])
def test_both_ways_meet_the_limit(weights: str) -> None:
    solver = ExactSolver(flow(weights))
    rows = [0, 8, 17]
    told = attributes()[:, None].expand(1, 3, -1)
    encoded = solver.encode(code()[:, rows], told)[0]
    np.testing.assert_allclose(encoded, GOLDEN[f"flow_{weights}_z_limit"], rtol=0, atol=5e-6)
    other = told.clone()
    other[..., YAW], other[..., BALDNESS] = 0, 1
    decoded = solver.decode(torch.from_numpy(GOLDEN[f"flow_{weights}_z_upstream"])[None], other)[0]
    np.testing.assert_allclose(decoded, GOLDEN[f"flow_{weights}_w_limit"], rtol=0, atol=5e-6)


def test_decoding_with_the_same_attributes_is_the_way_back() -> None:
    solver, told = ExactSolver(flow("B")), attributes()[:, None].expand(1, 18, -1)
    np.testing.assert_allclose(solver.decode(solver.encode(code(), told), told), code(), rtol=0, atol=5e-6)


def test_the_published_edits_take_22_solves_of_a_layer_and_the_views_12() -> None:
    (together,) = runs(PUBLISHED)
    ways = {(run.first, run.last): [other.layer for other in together if (other.first, other.last) == (run.first, run.last)] for run in together}  # fmt: skip  # noqa: E501
    assert ways == {(0, 1): [7, 8, 9, 10, 11], (1, 5): [2, 3], (2, 5): [0, 1], (4, 5): [4, 5]}
    assert 2 * len(together) + 4 + sum(len(view.layers) for view in PUBLISHED_VIEWS) == 34


_EDITS = st.lists(
    st.builds(
        lambda slot, value, first, length: Edit("edit", {slot: value}, range(first, min(first + length, 18))),
        st.sampled_from([0, 9, YAW, BALDNESS]),
        st.floats(-1, 1),
        st.integers(0, 17),
        st.integers(1, 6),
    ),
    max_size=4,
)


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(edits=_EDITS)
def test_collapsed_edits_are_those_done_one_by_one(edits: list[Edit]) -> None:
    solver, path = ExactSolver(flow("A"), steps=2), along(attributes(), edits)
    one_by_one = code()
    for number, edit in enumerate(edits):
        before, after = (path[number + later][:, None].expand(1, 18, -1) for later in (0, 1))
        edited = solver.decode(solver.encode(one_by_one, before), after)
        one_by_one = one_by_one.clone()
        one_by_one[:, edit.rows] = edited[:, edit.rows]
    collapsed = solver.front(code(), attributes(), edits, ["a"])
    np.testing.assert_allclose(collapsed, one_by_one, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_batch_in_any_order_is_its_samples_alone_bit_for_bit() -> None:
    solver, draw = ExactSolver(flow("A")), torch.Generator().manual_seed(1)
    count = BLOCK + 3
    codes = code() + 0.3 * torch.randn(count, 18, 512, generator=draw)
    told = attributes() + 0.3 * torch.randn(count, 17, generator=draw)
    order = torch.randperm(count, generator=draw)
    fronts = solver.front(codes, told, PUBLISHED, [""] * count)
    views = solver.views(fronts, told, PUBLISHED_VIEWS, [""] * count, 0)
    assert torch.equal(solver.front(codes[order], told[order], PUBLISHED, [""] * count), fronts[order])
    assert torch.equal(solver.views(fronts[order], told[order], PUBLISHED_VIEWS, [""] * count, 0), views[order])
    for row in (0, BLOCK - 1, count - 1):
        alone = slice(row, row + 1)
        assert torch.equal(solver.front(codes[alone], told[alone], PUBLISHED, [""]), fronts[alone])
        assert torch.equal(solver.views(fronts[alone], told[alone], PUBLISHED_VIEWS, [""], 0), views[alone])


def test_a_neighbour_that_diverges_changes_no_bit() -> None:
    solver = ExactSolver(flow("A"))
    codes, told = code().repeat(2, 1, 1), attributes().repeat(2, 1)
    told[1, 11] = 1e30
    fronts = solver.front(codes, told, PUBLISHED, ["a", "b"])
    assert torch.equal(fronts[:1], solver.front(code(), attributes(), PUBLISHED, ["a"]))


def test_what_has_nothing_to_change_keeps_every_bit() -> None:
    solver = ExactSolver(flow("A"))
    told = along(attributes(), PUBLISHED)[-1]
    assert torch.equal(solver.front(code(), told, PUBLISHED, ["a"]), code())
    ahead = Edit("ahead", {YAW: 0.0}, range(4))
    assert torch.equal(solver.views(code(), told, [ahead], ["a"], 0)[:, 0], code())


def test_no_edits_and_no_views_are_possible() -> None:
    solver = ExactSolver(flow("A"))
    assert torch.equal(solver.front(code(), attributes(), [], ["a"]), code())
    assert solver.views(code(), attributes(), [], ["a"], 0).shape == (1, 0, 18, 512)
