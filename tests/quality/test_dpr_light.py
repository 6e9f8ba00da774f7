"""DPR's light: published names and shapes, a plain evaluation, and the published value where its weights are."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch.nn import functional

from ffhq_uv.formats.png import read_png
from ffhq_uv.quality.dpr_light import DprLight, uneven_light
from published_networks import Plain, dpr, random_state


def save(folder: Path) -> tuple[Path, dict[str, torch.Tensor]]:
    path, state = folder / "trained_model_03.t7", random_state(dpr())
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path, state


def test_the_published_file_holds_each_tensor_under_all_its_names(tmp_path: Path) -> None:
    _, state = save(tmp_path)
    assert len({id(value) for value in state.values()}) == 112


@pytest.mark.slow
def test_the_published_file_loads_whole_and_computes_what_it_says(tmp_path: Path) -> None:
    path, state = save(tmp_path)
    coarse = np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)
    face = cv2.resize(coarse, (700, 700), interpolation=cv2.INTER_CUBIC)
    plain = Plain(state)
    bgr = cv2.resize(face[:, :, ::-1].copy(), (512, 512))  # upstream's own order of colours
    x = torch.from_numpy(cv2.cvtColor(bgr, cv2.COLOR_BGR2LAB)[:, :, 0] / 255)[None, None]
    x = plain.bn("pre_bn", plain.conv("pre_conv", x)).relu()
    for glass in ("HG3", "HG2", "HG1", "HG0"):
        x, at = functional.max_pool2d(x, 2), f"{glass}.low1"
        y = plain.bn(f"{at}.bn1", plain.conv(f"{at}.conv1", x)).relu()
        y = plain.bn(f"{at}.bn2", plain.conv(f"{at}.conv2", y))
        x = (y + (x if glass == "HG3" else plain.conv(f"{at}.shortcuts", x))).relu()
    assert x.shape == (1, 155, 32, 32)
    mean = x[:, :27].mean((2, 3), keepdim=True)
    hidden = plain.prelu("light.predict_relu1", plain.conv("light.predict_FC1", mean))
    expected = plain.conv("light.predict_FC2", hidden)[:, :, 0, 0]
    fronts = torch.from_numpy(face)[None]
    torch.testing.assert_close(DprLight(path, "cpu")(fronts).double(), expected, atol=1e-4, rtol=1e-4)


def test_the_published_light_is_reproduced() -> None:
    example, checkpoints = os.environ.get("FFHQ_UV_EXAMPLE"), os.environ.get("FFHQ_UV_CHECKPOINTS")
    if not example or not checkpoints:
        pytest.skip("FFHQ_UV_EXAMPLE or FFHQ_UV_CHECKPOINTS is unset: no published weights to run")
    project = Path(example) / "dataset_project"
    picture = read_png((project / "inversions/01223.png").read_bytes(), "01223.png")
    measure = DprLight(Path(checkpoints) / "dpr_model/trained_model_03.t7", "cpu")
    found = measure(torch.from_numpy(picture)[None])
    np.testing.assert_allclose(found[0], np.load(project / "lights/01223.npy").reshape(9), atol=1e-6)


def test_even_light_scores_zero() -> None:
    even = torch.tensor([[0.8, *[0.0] * 8], [0.5, 0.3, 0.0, 0.4, *[0.0] * 5], [2.0, *[0.0] * 8]])
    torch.testing.assert_close(uneven_light(even), torch.tensor([0.0, 1.0, 0.0]))
