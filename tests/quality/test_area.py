"""Valid area ratio."""

import pytest
import torch

from ffhq_uv.quality.area import valid_area_ratio


def test_union_of_the_views_inside_the_face():
    face = torch.zeros(4, 4, dtype=torch.bool)
    face[1:3, 1:3] = True
    coverage = torch.zeros(3, 3, 4, 4, dtype=torch.bool)
    coverage[1] = True  # all, also outside the face
    coverage[2, 0, 1, 1:3] = True  # two texels in one view,
    coverage[2, 2, 1, 2] = True  # one of them again in another,
    coverage[2, 1, 0, 0] = True  # and one outside the face
    assert valid_area_ratio(coverage, face).tolist() == [0.0, 1.0, 0.5]


@pytest.mark.parametrize("face", [torch.ones(5, 4), torch.zeros(4, 4)])
def test_refuses_another_size_and_an_empty_face(face):
    with pytest.raises(ValueError, match="face"):
        valid_area_ratio(torch.ones(1, 3, 4, 4, dtype=torch.bool), face.bool())
