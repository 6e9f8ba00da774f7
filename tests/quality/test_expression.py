"""Expression scores."""

import pytest
import torch

from ffhq_uv.quality.expression import coefficient_expression


def test_root_mean_square_of_the_coefficients():
    coefficients = torch.tensor([[0.0, 0.0], [3.0, 4.0], [-3.0, 4.0]])
    assert coefficient_expression(coefficients).tolist() == pytest.approx([0.0, 12.5**0.5, 12.5**0.5])
