"""The expression recogniser: published names and shapes, scikit-image's resize, a plain evaluation, the score."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional

from ffhq_uv.quality.recogniser import LABELS, ExpressionRecogniser, expression_score, grey_thumbnail
from published_networks import VGG_CONVS, Plain, random_state, vgg19


def faces(count: int, side: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (count, side, side, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(side)
    )


@pytest.mark.parametrize("side", [1024, 256, 100, 44])
def test_thumbnails_are_scikit_images(side: int) -> None:
    """skimage.transform.resize(order=1, anti_aliasing=True, mode="symmetric") is these two calls of SciPy."""
    face = faces(1, side)[0]
    grey = face.numpy() @ np.array([0.299, 0.587, 0.114])
    smooth = ndimage.gaussian_filter(grey, (side / 44 - 1) / 2, mode="reflect") if side > 44 else grey
    expected = ndimage.zoom(smooth, 44 / side, order=1, mode="reflect", grid_mode=True)
    np.testing.assert_array_equal(grey_thumbnail(face), np.floor(expected + 1e-9))


def plain_probabilities(state: dict[str, torch.Tensor], face: torch.Tensor) -> torch.Tensor:
    plain = Plain(state)
    picture = (grey_thumbnail(face) / 255).expand(3, 44, 44)
    crops = torch.stack([picture] * 5 + [picture.flip(2)] * 5)  # TenCrop(44) of 44 x 44
    for at in VGG_CONVS:
        crops = plain.bn(f"features.{at + 1}", plain.conv(f"features.{at}", crops)).relu()
        if at in (3, 10, 23, 36, 49):
            crops = functional.max_pool2d(crops, 2)
    scores = crops.flatten(1) @ plain.state["classifier.weight"].T + plain.state["classifier.bias"]
    return scores.mean(0).softmax(0)


@pytest.mark.slow
@pytest.mark.parametrize("counters", [True, False])
def test_the_published_file_loads_whole_and_computes_what_it_says(tmp_path: Path, counters: bool) -> None:
    state = random_state(vgg19())
    path = tmp_path / "FacialExpRecognition_model.t7"
    stored = {name: value for name, value in state.items() if counters or not name.endswith("num_batches_tracked")}
    torch.save({"net": stored, "acc": 73.1, "epoch": 200}, path, _use_new_zipfile_serialization=False)
    recognise = ExpressionRecogniser(path, "cpu")
    fronts = faces(2, 128)
    found = recognise(fronts)
    expected = torch.stack([plain_probabilities(state, face) for face in fronts])
    torch.testing.assert_close(found.double(), expected, atol=1e-4, rtol=1e-3)
    assert torch.equal(found[1:], recognise(fronts[1:]))
    torch.testing.assert_close(recognise(fronts.flip(2)), found, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(ExpressionRecogniser(path, "cpu", "bfloat16")(fronts), found, atol=0.05, rtol=0)


def test_the_score_is_what_neutral_leaves() -> None:
    probabilities = torch.eye(7)
    assert expression_score(probabilities).tolist() == [1.0] * 6 + [0.0]
    assert LABELS[int(probabilities[6].argmax())] == "neutral"
