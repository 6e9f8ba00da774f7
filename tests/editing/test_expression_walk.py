"""The walk against the smile, and the file of its direction."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.editing.rule import code, direction

from ffhq_uv.editing.expression import Walk, read_direction, walk
from ffhq_uv.networks import WeightsError


def test_a_smile_goes_twice_its_strength_along_the_direction_and_then_in_twentieths() -> None:
    answers = iter([[True, False], [False]])
    codes = code().repeat(2, 1, 1)
    walked, rounds, happy = walk(codes, [0.5, 1.0], direction(), Walk(), lambda _, rows: next(answers))
    assert (rounds, happy) == ([1, 0], [False, False])
    np.testing.assert_allclose(walked[0] - codes[0], -1.05 * direction().expand(18, -1), atol=1e-6)
    np.testing.assert_allclose(walked[1] - codes[1], -2 * direction().expand(18, -1), atol=1e-6)


def test_the_file_holds_the_direction_as_one_row(tmp_path: Path) -> None:
    torch.save(direction()[None], tmp_path / "direction.pt")
    assert torch.equal(read_direction(tmp_path / "direction.pt"), direction())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (torch.zeros(512), "holds a tensor (512,), expected a tensor (1, 512)"),
        ({"direction": 1}, "holds dict, expected a tensor (1, 512)"),
        (torch.zeros(1, 512), "nothing but zeros"),
        (torch.full((1, 512), torch.nan), "holds NaN"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: object, message: str) -> None:
    torch.save(content, tmp_path / "direction.pt")
    with pytest.raises(WeightsError, match=re.escape(message)):
        read_direction(tmp_path / "direction.pt")
