"""Face parsing: the published names and shapes, a plain evaluation, OpenCV's resizing, and the skin's margin."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from ffhq_uv.analysis.class_map import class_map, enlarged, resized
from ffhq_uv.analysis.parsing import BiSeNet, FaceParser
from ffhq_uv.analysis.skin import eye_margin
from ffhq_uv.networks import folded, with_weights
from published_networks import Plain, bisenet, random_state


def plain_scores(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    plain = Plain(state)

    def unit(name: str, x: torch.Tensor) -> torch.Tensor:
        return plain.bn(f"{name}.bn", plain.conv(f"{name}.conv", x)).relu()

    def attention(name: str, x: torch.Tensor) -> torch.Tensor:
        features = unit(f"{name}.conv", x)
        weights = plain.conv(f"{name}.conv_atten", features.mean((2, 3), keepdim=True))
        return features * torch.sigmoid(plain.bn(f"{name}.bn_atten", weights))

    def twice(x: torch.Tensor) -> torch.Tensor:
        return x.repeat_interleave(2, 2).repeat_interleave(2, 3)

    _, x8, x16, x32 = plain.resnet("cp.resnet", x.double(), (2, 2, 2, 2), convs=2)
    context = attention("cp.arm32", x32) + unit("cp.conv_avg", x32.mean((2, 3), keepdim=True))
    context = unit("cp.conv_head32", twice(context))
    context = unit("cp.conv_head16", twice(attention("cp.arm16", x16) + context))
    fused = unit("ffm.convblk", torch.cat([x8, context], 1))
    weights = plain.conv("ffm.conv2", plain.conv("ffm.conv1", fused.mean((2, 3), keepdim=True)).relu()).sigmoid()
    scores = plain.conv("conv_out.conv_out", unit("conv_out.conv", fused * weights + fused))
    return functional.interpolate(scores, size=x.shape[2:], mode="bilinear", align_corners=True)


def test_the_published_file_loads_whole_and_computes_what_it_says() -> None:
    state = random_state(bisenet())
    network = with_weights(BiSeNet, state, Path("79999_iter.pth"))
    x = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(network(x).double(), plain_scores(state, x), atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize(("side", "target"), [(1024, 512), (256, 512), (300, 512), (512, 1024)])
def test_resizing_is_opencvs(side: int, target: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3)).astype(np.float32)
    ours = resized(torch.from_numpy(picture).movedim(2, 0)[None], target, target)[0].movedim(0, 2).numpy()
    np.testing.assert_allclose(ours, cv2.resize(picture, (target, target)), atol=2e-3)
    if 1024 in (side, target) or side == 256:  # halving and doubling are exact, and so are the grey levels cut from it
        np.testing.assert_array_equal(np.floor(ours), np.floor(cv2.resize(picture, (target, target))))


@pytest.mark.slow
def test_classes_come_from_the_512_picture_and_do_not_depend_on_the_batch(tmp_path: Path) -> None:
    state = random_state(bisenet())
    torch.save(state, tmp_path / "79999_iter.pth")
    faces = torch.randint(0, 256, (2, 128, 128, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    parse = FaceParser(tmp_path / "79999_iter.pth", "cpu")
    classes = parse(faces)
    assert classes.dtype == torch.uint8
    assert torch.equal(classes[1:], parse(faces[1:]))
    picture = np.floor(cv2.resize(faces[1].numpy().astype(np.float32), (512, 512))) / 255
    normalised = (picture - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    scores = plain_scores(state, torch.from_numpy(normalised.transpose(2, 0, 1))[None])[0].numpy()
    full = cv2.resize(scores.transpose(1, 2, 0), (128, 128))
    assert np.mean(classes[1].numpy() == full.argmax(-1)) > 0.999  # rounding decides where two scores are equal


@pytest.mark.slow
@given(st.integers(8, 2048))
def test_the_margin_is_odd_and_in_proportion(size: int) -> None:
    assert eye_margin(1024) == 11
    assert eye_margin(size) % 2 == 1
    assert abs(eye_margin(size) - 11 * size / 1024) <= 1


@given(st.integers(0, 2**32 - 1), st.integers(3, 17), st.integers(3, 40), st.integers(3, 40))
def test_the_class_map_is_that_of_the_resized_scores(seed: int, side: int, height: int, width: int) -> None:
    scores = torch.randn(2, 19, side, side, generator=torch.Generator().manual_seed(seed))
    plain = resized(enlarged(scores, 24, 24), height, width).argmax(1)
    assert (class_map(scores, 24, height, width) == plain).float().mean() > 0.995


def test_the_class_map_of_smooth_scores_is_exact() -> None:
    scores = torch.randn(1, 19, 9, 9, generator=torch.Generator().manual_seed(3))
    plain = resized(enlarged(scores, 128, 128), 256, 256).argmax(1)
    assert (class_map(scores, 128, 256, 256) == plain).float().mean() >= 1 - 1e-5


def test_folding_moves_scores_in_their_last_bits_only() -> None:
    network = with_weights(BiSeNet, random_state(bisenet()), Path("79999_iter.pth"))
    x = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        plain = network(x)
        assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded(network).cp.modules())
        torch.testing.assert_close(network(x), plain, atol=1e-4 * float(plain.abs().max()), rtol=0)


@pytest.mark.slow
def test_bfloat16_parses_the_same_face(tmp_path: Path) -> None:
    """Of random weights, which part classes by less than trained ones do."""
    torch.save(random_state(bisenet()), tmp_path / "79999_iter.pth")
    coarse = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(4)) * 255
    face = resized(coarse, 256, 256).movedim(1, 3).to(torch.uint8)
    exact, rounded = (
        FaceParser(tmp_path / "79999_iter.pth", "cpu", precision)(face) for precision in ("float32", "bfloat16")
    )
    assert (exact == rounded).float().mean() > 0.97
