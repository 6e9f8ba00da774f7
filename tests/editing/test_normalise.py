"""The whole sequence, against upstream's own: every edit, both weight sets, with and without further rounds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from tests.editing.rule import GOLDEN, SMILE, attributes, code, direction, flow, probe
from torch import Tensor

from ffhq_uv.editing.edits import PUBLISHED
from ffhq_uv.editing.exact_solver import ExactSolver
from ffhq_uv.editing.expression import IsHappy
from ffhq_uv.editing.normalise import Normalised, Procedure, Solver, needed, normalise
from ffhq_uv.editing.published_solver import PublishedSolver, seeded_probe
from ffhq_uv.editing.slots import BALDNESS, EXPRESSION, GLASSES, YAW

FRONT_ROWS, SIDE_ROWS = [0, 2, 4, 6, 7, 11, 12], [0, 3]
LIMIT, UPSTREAM = 5e-5, 1.5e-3


def happy(times: int) -> IsHappy:
    """A recogniser that says Happy so many times."""
    answers = iter([True] * times + [False] * 9)
    return lambda codes, rows: [next(answers) for _ in rows]


def edited(solver: Solver, is_happy: IsHappy | None = None) -> Normalised:
    return normalise(solver, Procedure(), code(), attributes(), [SMILE], direction(), ["golden"], is_happy)


def farthest(found: Normalised, weights: str, other: str) -> float:
    return max(
        float(np.abs(found.codes[view][0, rows].numpy() - GOLDEN[f"synthetic_{weights}_{view}_{other}"]).max())
        for view, rows in (("front", FRONT_ROWS), ("left", SIDE_ROWS), ("right", SIDE_ROWS))
    )


@pytest.mark.parametrize("weights", ["A", "B"])
def test_the_exact_solver_meets_the_limit_and_upstream_within_its_error(weights: str) -> None:
    found = edited(ExactSolver(flow(weights)))
    assert farthest(found, weights, "limit") < 5e-6
    assert farthest(found, weights, "upstream") < UPSTREAM


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["A", "B"])
def test_the_published_solver_meets_upstream(weights: str) -> None:
    assert farthest(edited(PublishedSolver(flow(weights), probe)), weights, "upstream") < 5e-5


@pytest.mark.slow
def test_the_published_solver_is_as_far_from_the_limit_as_upstream_is() -> None:
    assert 3e-4 < farthest(edited(PublishedSolver(flow("A"), probe)), "A", "limit") < UPSTREAM


@pytest.mark.parametrize("weights", ["A", "B"])
def test_three_further_rounds_against_the_smile(weights: str) -> None:
    found = edited(ExactSolver(flow(weights)), happy(3))
    assert (found.rounds, found.happy) == ([3], [False])
    sums = [float(found.codes[view].double().sum()) for view in ("left", "front", "right")]
    squares = [float(found.codes[view].double().square().sum()) for view in ("left", "front", "right")]
    np.testing.assert_allclose(sums, GOLDEN[f"sums_{weights}_3"][:3], atol=0.1)
    np.testing.assert_allclose(squares, GOLDEN[f"sums_{weights}_3"][3:], rtol=1e-4)


def test_the_recogniser_is_asked_once_more_than_there_are_rounds() -> None:
    asked: list[int] = []

    def always(codes: Tensor, rows: Sequence[int]) -> list[bool]:
        asked.append(len(rows))
        return [True] * len(rows)

    found = edited(ExactSolver(flow("A"), steps=1), always)
    assert (asked, found.rounds, found.happy) == ([1] * 6, [5], [True])


def test_nobody_is_asked_about_a_face_without_a_smile() -> None:
    codes, told = code().repeat(2, 1, 1), attributes().repeat(2, 1)
    told[1, EXPRESSION] = 0
    asked: list[Sequence[int]] = []

    def never(_: Tensor, rows: Sequence[int]) -> list[bool]:
        asked.append(rows)
        return [False] * len(rows)

    solver = ExactSolver(flow("A"), steps=1)
    found = normalise(solver, Procedure(), codes, told, [SMILE, 0.0], direction(), ["a", "b"], never)
    assert asked == [[0]]
    assert found.happy == [False, None]
    assert torch.equal(found.codes["front"][1, 12:], codes[1, 12:])


@pytest.mark.slow
def test_the_attributes_are_those_that_the_published_views_are_written_with() -> None:
    found = edited(ExactSolver(flow("A"), steps=1))
    numbers = [1.0, 0.0, 0.0, 0.0, 1.0, 0.6, 41.0, 0.0]
    for view, yaw in (("front", 0.0), ("left", 30.0), ("right", -30.0)):
        numbers[2] = yaw
        torch.testing.assert_close(found.attributes[view][0], torch.tensor([1.0] + [0.0] * 8 + numbers))


def test_side_views_differ_from_the_front_in_four_layers_only() -> None:
    for solver in (ExactSolver(flow("A"), steps=1), PublishedSolver(flow("A"), probe)):
        found = edited(solver)
        for view in ("left", "right"):
            assert torch.equal(found.codes[view][:, 4:], found.codes["front"][:, 4:])
            assert (found.codes[view][:, :4] != found.codes["front"][:, :4]).any(-1).all()


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("number", [1e30, float("nan"), float("inf")])
def test_an_attribute_that_is_no_attribute_makes_a_sample_that_diverged(exact: bool, number: float) -> None:
    solver: Solver = ExactSolver(flow("A")) if exact else PublishedSolver(flow("A"), probe)
    codes, told = code().repeat(2, 1, 1), attributes().repeat(2, 1)
    told[1, YAW] = number
    procedure = Procedure(edits=PUBLISHED[:1], smile=None, views=())
    found = normalise(solver, procedure, codes, told, [0, 0], direction(), ["golden", "bad"])
    assert found.diverged.tolist() == [False, True]
    alone = normalise(solver, procedure, code(), attributes(), [0], direction(), ["golden"])
    assert torch.equal(found.codes["front"][:1], alone.codes["front"])


def test_probes_are_drawn_from_the_seed_the_sample_and_the_solve() -> None:
    draw = seeded_probe(1)
    assert torch.equal(draw("000001", 3), seeded_probe(1)("000001", 3))
    others = [draw("000001", 4), draw("000002", 3), seeded_probe(2)("000001", 3)]
    assert not any(torch.equal(draw("000001", 3), other) for other in others)


def test_the_edits_that_have_something_to_change_are_named() -> None:
    normal = torch.tensor([[1.0] + [0.0] * 8 + [1.0, 0, 0, 0, 1, 0.6, 41, 0]])
    assert needed(Procedure(), normal) == [[]]
    assert needed(Procedure(), attributes()) == [["light", "glasses", "yaw", "pitch", "baldness", "smile"]]
    normal[0, GLASSES], normal[0, BALDNESS] = 1, 0
    assert needed(Procedure(), normal) == [["glasses", "baldness"]]
