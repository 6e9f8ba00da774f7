"""Sample 01223 of the authors' repository: what of its published edits needs no published weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.editing.rule import GOLDEN, flow, probe
from tests.editing.test_normalise import happy
from torch import Tensor

from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.editing.edits import PUBLISHED
from ffhq_uv.editing.exact_solver import ExactSolver
from ffhq_uv.editing.normalise import Normalised, Procedure, Solver, normalise
from ffhq_uv.editing.published_solver import PublishedSolver
from ffhq_uv.editing.slots import NAMED

PROJECT = Path(os.environ.get("FFHQ_UV_EXAMPLE", "")) / "dataset_project"
pytestmark = pytest.mark.skipif("FFHQ_UV_EXAMPLE" not in os.environ, reason="FFHQ_UV_EXAMPLE names no folder")

ROWS = {"light": range(7, 12), "glasses": range(2, 4), "yaw": range(4), "pitch": range(4), "baldness": range(6)}


def latent(path: str) -> Tensor:
    return torch.from_numpy(decode_latent((PROJECT / path).read_bytes(), path).copy())


def record() -> dict[str, float]:
    return dict(json.loads((PROJECT / "attributes/01223.json").read_text()))


def told() -> Tensor:
    light = decode_light((PROJECT / "lights/01223.npy").read_bytes(), "01223.npy")
    return torch.tensor([[*light.tolist(), *(float(record()[name]) for name in NAMED)]])


def edited(solver: Solver, procedure: Procedure | None = None, times: int = 0) -> Normalised:
    code, direction = latent("latents/01223.pt")[None], torch.from_numpy(GOLDEN["direction"])[0]
    smile = record()["Expression"]
    return normalise(solver, procedure or Procedure(), code, told(), [smile], direction, ["01223"], happy(times))


def farthest(codes: Tensor, golden: str, rows: range) -> float:
    """From every eighth number of the golden rows."""
    return float(np.abs(codes[0, rows, ::8].numpy() - GOLDEN[golden][: len(rows)]).max())


def test_layers_that_need_no_flow_are_the_published_ones_bit_for_bit() -> None:
    front, published = (
        edited(ExactSolver(flow("A"), steps=1)).codes["front"][0],
        latent("edit/01223/01223_front_latent.pt"),
    )
    rows = [6, *range(12, 18)]
    assert torch.equal(front[rows], published[rows])


def test_left_and_right_are_the_front_but_in_four_layers_here_and_as_published() -> None:
    found = edited(ExactSolver(flow("A"), steps=1)).codes
    published = {view: latent(f"edit/01223/01223_{view}_latent.pt") for view in ("left", "front", "right")}
    for view in ("left", "right"):
        assert torch.equal(found[view][0, 4:], found["front"][0, 4:])
        assert torch.equal(published[view][4:], published["front"][4:])


@pytest.mark.parametrize("weights", ["A", "B"])
def test_the_exact_solver_meets_the_limit_and_upstream_within_its_error(weights: str) -> None:
    found = edited(ExactSolver(flow(weights)))
    for view, rows in (("front", range(12)), ("left", range(4)), ("right", range(4))):
        assert farthest(found.codes[view], f"real_{weights}_{view}_limit", rows) < 5e-6
        assert farthest(found.codes[view], f"real_{weights}_{view}_upstream", rows) < 1.5e-3


@pytest.mark.parametrize("count", range(1, 6))
def test_after_every_edit(count: int) -> None:
    procedure = Procedure(PUBLISHED[:count], smile=None, views=())
    found, name = edited(ExactSolver(flow("A")), procedure).codes["front"], PUBLISHED[count - 1].name
    assert farthest(found, f"real_A_{name}_limit", ROWS[name]) < 5e-6


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["A", "B"])
def test_the_published_solver_meets_upstream(weights: str) -> None:
    found = edited(PublishedSolver(flow(weights), probe))
    for view, rows in (("front", range(12)), ("left", range(4)), ("right", range(4))):
        assert farthest(found.codes[view], f"real_{weights}_{view}_upstream", rows) < 5e-5


@pytest.mark.parametrize("times", [2, 5])
def test_further_rounds_add_up_as_upstreams_do(times: int) -> None:
    found = edited(ExactSolver(flow("A")), times=times)
    assert found.rounds == [times]
    layer = found.codes["front"][0, 12, :6].numpy()
    assert np.array_equal(layer, np.float32(GOLDEN[f"real_A_happy_{times}_layer12"]))
    sums = [float(found.codes[view].double().sum()) for view in ("left", "front", "right")]
    np.testing.assert_allclose(sums, GOLDEN[f"real_A_happy_{times}"][:3], atol=0.1)
