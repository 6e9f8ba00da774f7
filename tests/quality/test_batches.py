"""Networks that see several faces at once, as on a GPU, say of each what they say of it alone, up to rounding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor

from ffhq_uv.analysis import parsing
from ffhq_uv.quality import arcface, dpr_light, recogniser
from ffhq_uv.quality.face_crop import TEMPLATE
from published_networks import bisenet, dpr, iresnet50, random_state, vgg19

LANDMARKS = torch.stack([torch.tensor(TEMPLATE) + shift for shift in (5, 9, 20)])


@pytest.fixture
def fronts() -> Tensor:
    noise = torch.rand(3, 3, 9, 9, generator=torch.Generator().manual_seed(5))
    smooth = torch.nn.functional.interpolate(noise, size=(160, 160), mode="bicubic").clamp(0, 1)
    return (255 * smooth).byte().movedim(1, 3)


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], None]:
    def patch(module: ModuleType) -> None:
        monkeypatch.setattr(module, "portions", lambda faces, device: (faces,))

    return patch


def save(folder: Path, content: object) -> Path:
    torch.save(content, folder / "published.pth")
    return folder / "published.pth"


@pytest.mark.slow
def test_embeddings_lights_and_expressions(
    tmp_path: Path, fronts: Tensor, together: Callable[[ModuleType], None]
) -> None:
    embed = arcface.ArcFace(save(tmp_path, random_state(iresnet50())), "cpu")
    estimate = dpr_light.DprLight(save(tmp_path, random_state(dpr())), "cpu")
    recognise = recogniser.ExpressionRecogniser(save(tmp_path, {"net": random_state(vgg19())}), "cpu")
    alone = embed(fronts, LANDMARKS), estimate(fronts), recognise(fronts)
    for module in (arcface, dpr_light, recogniser):
        together(module)
    for found, expected in zip((embed(fronts, LANDMARKS), estimate(fronts), recognise(fronts)), alone, strict=True):
        assert len(found.unique(dim=0)) == 3
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.slow
def test_classes_of_pixels(tmp_path: Path, fronts: Tensor, together: Callable[[ModuleType], None]) -> None:
    parse = parsing.FaceParser(save(tmp_path, random_state(bisenet())), "cpu")
    alone = parse(fronts)
    together(parsing)
    assert (parse(fronts) == alone).double().mean() > 0.999  # rounding decides where two scores are equal
