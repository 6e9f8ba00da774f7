"""torchdiffeq's solver: its steps, and what it makes of them, against the recorded ones of upstream.

Rounding decides the second step (the first step's error is nothing else), so a run on another processor takes other
steps. What is compared here does not depend on them: the first step, the rule for the next, and the solution when the
steps are the recorded ones.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.editing.rule import GOLDEN, attributes, code, flow, probe

from ffhq_uv.editing import dopri5 as solver
from ffhq_uv.editing.dopri5 import DivergedError, State, dopri5
from ffhq_uv.editing.published_solver import PublishedSolver
from ffhq_uv.editing.slots import BALDNESS, YAW

STEPS = [f"steps_{weights}_{way}" for weights in "AB" for way in ("encode", "decode")]


@pytest.mark.parametrize("recorded", STEPS)
def test_the_next_step_follows_from_the_error(recorded: str) -> None:
    steps = GOLDEN[recorded]
    for (_, length, accepted, of_codes, of_density), (_, after, *_) in pairwise(steps):
        error = max(of_codes, of_density)
        assert bool(accepted) == (error <= 1)
        assert length * solver._factor(error) == pytest.approx(after, rel=1e-6)


@pytest.mark.parametrize("weights", ["A", "B"])
def test_recorded_steps_lead_to_the_recorded_solution(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [0, 8, 17]
    editor = PublishedSolver(flow(weights), probe)
    with monkeypatch.context() as recorded:
        _take(GOLDEN[f"steps_{weights}_encode"], recorded)
        encoded = editor.encode(code()[0], attributes()[0], probe("", 0))
    np.testing.assert_allclose(encoded[rows], GOLDEN[f"flow_{weights}_z_upstream"], rtol=0, atol=2e-5)

    _take(GOLDEN[f"steps_{weights}_decode"], monkeypatch)
    other = attributes()[0]
    other[YAW], other[BALDNESS] = 0, 1
    points = encoded.clone()
    points[rows] = torch.from_numpy(GOLDEN[f"flow_{weights}_z_upstream"])
    decoded = editor.decode(points, other, probe("", 2))
    np.testing.assert_allclose(decoded[rows], GOLDEN[f"flow_{weights}_w_upstream"], rtol=0, atol=2e-5)


def _take(recorded: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the solver take recorded steps; its own first one is compared with theirs."""
    lengths = recorded[:, 1]
    first_step, factors = solver._first_step, iter(lengths[1:] / lengths[:-1])

    def first(state: State, derivative: State) -> float:
        assert first_step(state, derivative) == pytest.approx(lengths[0], rel=1e-5)
        return float(lengths[0])

    monkeypatch.setattr(solver, "_first_step", first)
    monkeypatch.setattr(solver, "_factor", lambda _: float(next(factors)))


def test_the_errors_that_rounding_does_not_decide_are_the_recorded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[float] = []
    ratio = solver._ratio
    _take(GOLDEN["steps_A_encode"], monkeypatch)
    monkeypatch.setattr(solver, "_ratio", lambda *state: found.append(ratio(*state)) or found[-1])
    PublishedSolver(flow("A"), probe).encode(code()[0], attributes()[0], probe("", 0))
    of_codes, of_density = found[2::2], found[3::2]
    np.testing.assert_allclose(of_codes, GOLDEN["steps_A_encode"][1:, 3], rtol=0.02)
    np.testing.assert_allclose(of_density, GOLDEN["steps_A_encode"][1:, 4], rtol=0.05)


def test_an_exponential_is_met_as_well_as_was_tolerated() -> None:
    (grown,) = dopri5(lambda _, state: (state[0],), (torch.ones(3),), 0.0, 2.0)
    np.testing.assert_allclose(grown, math.exp(2), rtol=1e-4)


@pytest.mark.parametrize("rate", [math.nan, math.inf, 1e38])
def test_what_cannot_be_followed_is_given_up(rate: float) -> None:
    with pytest.raises(DivergedError, match="no end after"):
        dopri5(lambda _, state: (rate * (1 + state[0] ** 2),), (torch.ones(3),), 0.0, 1.0)
