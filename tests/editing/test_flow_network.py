"""Reading ``modellarge10k.pt``: strictly, and by its own names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from tests.editing.rule import state
from torch import Tensor

from ffhq_uv.editing.flow_network import load_flow
from ffhq_uv.networks import WeightsError


def test_the_published_file_has_42_entries_and_its_network_1_693_700_numbers(tmp_path: Path) -> None:
    weights = state("A")
    assert len(weights) == 42
    assert sum(value.numel() for value in weights.values()) == 1_693_700
    torch.save(weights, tmp_path / "flow.pt")
    flow = load_flow(tmp_path / "flow.pt")
    assert flow.end_time == pytest.approx(0.7766010760990, abs=1e-7)
    assert flow.state_dict().keys() == weights.keys()


def _other_widths(weights: dict[str, Tensor]) -> None:
    weights["chain.1.odefunc.diffeq.layers.0._layer.weight"] = torch.zeros(256, 512)


def _not_a_number(weights: dict[str, Tensor]) -> None:
    weights["chain.0.weight"][7] = torch.nan


def _no_time(weights: dict[str, Tensor]) -> None:
    weights["chain.1.sqrt_end_time"] = torch.tensor(0.0)


def _endless(weights: dict[str, Tensor]) -> None:
    weights["chain.1.sqrt_end_time"] = torch.tensor(1e30)


def _negative(weights: dict[str, Tensor]) -> None:
    weights["chain.2.running_var"][0] = -1


def _without(weights: dict[str, Tensor]) -> None:
    del weights["chain.2.bias"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_other_widths, "_layer.weight has shape (256, 512), expected (512, 512)"),
        (_not_a_number, "chain.0.weight holds NaN or infinity"),
        (_no_time, "ends at T = 0"),
        (_endless, "ends at T = inf"),
        (_negative, "chain.2.running_var holds numbers below 0"),
        (_without, "chain.2.bias is missing"),
    ],
)
def test_a_file_that_is_no_such_flow_is_refused_in_one_line(tmp_path: Path, damage: object, message: str) -> None:
    weights = state("A")
    damage(weights)  # type: ignore[operator]
    torch.save(weights, tmp_path / "flow.pt")
    with pytest.raises(WeightsError, match=re.escape(message)) as error:
        load_flow(tmp_path / "flow.pt")
    assert "\n" not in str(error.value)
    assert "flow.pt" in str(error.value)
