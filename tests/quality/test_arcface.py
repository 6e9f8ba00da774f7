"""ArcFace: the five-point similarity, the crop, published names and shapes, a plain evaluation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from ffhq_uv.networks import with_weights
from ffhq_uv.networks.layers import available
from ffhq_uv.quality.arcface import ArcFace, IResNet50
from ffhq_uv.quality.face_crop import TEMPLATE, face_crop, similarity
from published_networks import Plain, iresnet50, random_state

TARGETS = torch.tensor(TEMPLATE, dtype=torch.float64)


@given(st.floats(0.1, 20), st.floats(-3.1, 3.1), st.floats(-500, 500), st.floats(-500, 500))
def test_a_similarity_is_found_exactly(scale: float, angle: float, x: float, y: float) -> None:
    turn = scale * torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TARGETS @ turn.T + torch.tensor([x, y])
    found, shift = similarity(points[None], TARGETS[None])
    torch.testing.assert_close(found[0], torch.linalg.inv(turn), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(points @ found[0].T + shift[0], TARGETS, atol=1e-6, rtol=1e-9)


def test_the_similarity_of_unlike_points_is_umeyamas() -> None:
    """Umeyama (1991), by singular values, as scikit-image has it."""
    points = np.random.default_rng(0).normal(size=(5, 2)) * 100
    source, target = points - points.mean(0), TARGETS.numpy() - TARGETS.numpy().mean(0)
    u, s, vt = np.linalg.svd(target.T @ source / 5)
    sign = np.array([1, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    turn = (u * sign) @ vt * (s @ sign) / source.var(0).sum()
    found, shift = similarity(torch.from_numpy(points)[None], TARGETS[None])
    np.testing.assert_allclose(found[0], turn, atol=1e-9)
    np.testing.assert_allclose(shift[0], TARGETS.numpy().mean(0) - turn @ points.mean(0), atol=1e-9)


@pytest.mark.parametrize("ratio", [1, 2, 6])
def test_a_crop_shows_each_place_of_the_face_where_the_template_has_it(ratio: int) -> None:
    """A linear ramp survives averaging and bilinear sampling, so each pixel tells where it came from."""
    side = 160 * ratio
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    face = torch.stack([columns, rows, 0 * rows], -1).float() / ratio + 20
    landmarks = (TARGETS + 20 + 0.5) * ratio - 0.5
    crop = face_crop(face.round().to(torch.uint8), landmarks)
    expected = torch.arange(112) + 20 + 20 + (0.5 - 0.5 / ratio)
    np.testing.assert_allclose(crop[50, :, 0], expected, atol=0.51)
    np.testing.assert_allclose(crop[:, 50, 1], expected, atol=0.51)


def test_a_turned_face_gives_the_crop_of_the_upright_one_and_black_beyond_the_border() -> None:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, 3, 6, 6, generator=generator)
    face = (functional.interpolate(coarse, size=(140, 140), mode="bicubic")[0].clamp(0, 1) * 255).byte().movedim(0, 2)
    landmarks = TARGETS + 14
    turned = face.rot90(1, (0, 1))
    points = torch.stack([landmarks[:, 1], 139 - landmarks[:, 0]], -1)
    torch.testing.assert_close(face_crop(turned, points), face_crop(face, landmarks), atol=0.01, rtol=0)
    shifted = face_crop(face, landmarks - torch.tensor([100.0, 0.0]))
    assert (shifted[:, :80] == 0).all()


@pytest.mark.slow
def test_the_published_file_loads_whole_and_computes_what_it_says() -> None:
    state = random_state(iresnet50())
    network = with_weights(IResNet50, state, Path("backbone.pth"))
    crops = torch.rand(1, 3, 112, 112, generator=torch.Generator().manual_seed(1)) * 2 - 1
    plain = Plain(state)
    x = plain.prelu("prelu", plain.bn("bn1", plain.conv("conv1", crops.double())))
    for layer, depth in enumerate((3, 4, 14, 3), start=1):
        for block in range(depth):
            at, stride = f"layer{layer}.{block}", 2 if block == 0 else 1
            y = plain.prelu(f"{at}.prelu", plain.bn(f"{at}.bn2", plain.conv(f"{at}.conv1", plain.bn(f"{at}.bn1", x))))
            y = plain.bn(f"{at}.bn3", plain.conv(f"{at}.conv2", y, stride))
            if block == 0:
                x = plain.bn(f"{at}.downsample.1", plain.conv(f"{at}.downsample.0", x, stride))
            x = x + y
    x = plain.bn("bn2", x).reshape(1, -1) @ plain.state["fc.weight"].T + plain.state["fc.bias"]
    with torch.inference_mode():
        found = network(crops)
    expected = plain.bn("features", x)
    torch.testing.assert_close(found.double(), expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-3)


@pytest.mark.slow
def test_embeddings_are_unit_vectors_that_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    torch.save(random_state(iresnet50()), tmp_path / "backbone.pth")
    embed = ArcFace(tmp_path / "backbone.pth", "cpu")
    fronts = torch.randint(0, 256, (2, 150, 150, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    landmarks = torch.stack([TARGETS + 10, TARGETS * 1.2 + 5])
    found = embed(fronts, landmarks)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(2))
    assert torch.equal(found[1:], embed(fronts[1:], landmarks[1:]))
    assert not torch.equal(embed(fronts[1:], landmarks[:1]), found[1:])
    rounded = ArcFace(tmp_path / "backbone.pth", "cpu", "bfloat16")(fronts, landmarks)
    assert rounded.dtype == torch.float32
    library = available()
    multiplies = library is not None and library.bfloat16
    assert (rounded * found).sum(1).min() > (0.9999 if multiplies else 0.999)
