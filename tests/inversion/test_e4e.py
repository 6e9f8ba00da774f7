"""The e4e encoder: published names and shapes, golden numbers, and the quick form equal to the plain one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import e4e_by_rule
import numpy as np
import pytest
import torch

from ffhq_uv.formats.png import read_png
from ffhq_uv.inversion.e4e import E4EEncoder
from ffhq_uv.inversion.e4e_network import Block, Encoder4Editing
from ffhq_uv.inversion.folded import FoldedBlock
from ffhq_uv.networks import WeightsError
from ffhq_uv.networks.layers import available

HEADS = (0, 1, 3, 7)
GOLDEN = np.load(Path(__file__).parent / "golden/e4e.npz")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The published container, with weights by rule."""
    place = tmp_path_factory.mktemp("e4e") / "e4e_ffhq_encode.pt"
    yield e4e_by_rule.write(place, e4e_by_rule.state())
    place.unlink()


@pytest.fixture(scope="module")
def encoder(path: Path) -> E4EEncoder:
    return E4EEncoder(path, "cpu")


def test_the_published_file_has_621_entries_and_267161076_numbers() -> None:
    with torch.device("meta"):
        entries = Encoder4Editing().state_dict()
    assert {name: tuple(value.shape) for name, value in entries.items()} == e4e_by_rule.shapes()
    assert (len(entries), sum(value.numel() for value in entries.values())) == (621, 267_161_076)


def heads(codes: torch.Tensor) -> np.ndarray:
    """What each head of one face found, from its code with the average."""
    own = codes[0] - e4e_by_rule.average()
    return torch.cat([own[:1], own[1:] - own[:1]])[list(HEADS)].numpy()


@pytest.mark.slow
def test_heads_are_upstreams(encoder: E4EEncoder) -> None:
    c, i, j = torch.arange(3.0)[:, None, None], torch.arange(256.0)[None, :, None], torch.arange(256.0)[None, None]
    face = 0.8 * torch.sin(0.05 * (c + 1) * i + 0.03 * j) * torch.cos(0.021 * (3 - c) * j + 0.4 * c)
    np.testing.assert_allclose(heads(encoder.of_pixels(face[None])), GOLDEN["synthetic"], atol=1e-4)


@pytest.mark.slow
def test_heads_of_the_published_sample_are_upstreams(encoder: E4EEncoder) -> None:
    example = os.environ.get("FFHQ_UV_EXAMPLE")
    if not example:
        pytest.skip("FFHQ_UV_EXAMPLE is unset")
    inversion = Path(example) / "dataset_project/inversions/01223.png"
    picture = read_png(inversion.read_bytes(), inversion.name).astype(np.float64)
    small = picture.reshape(256, 4, 256, 4, 3).mean((1, 3)) / 127.5 - 1
    face = torch.from_numpy(small.astype(np.float32)).permute(2, 0, 1)[None]
    np.testing.assert_allclose(heads(encoder.of_pixels(face)), GOLDEN["photograph"], atol=1e-4)


@pytest.mark.slow
def test_faces_of_a_batch_are_strangers(encoder: E4EEncoder) -> None:
    faces = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3), np.uint8))
    both = encoder(faces)
    assert both.shape == (2, 18, 512)
    assert both.dtype == torch.float32
    torch.testing.assert_close(encoder(faces[1:]), both[1:], rtol=0, atol=0)


@pytest.mark.parametrize(("inputs", "channels", "stride"), [(64, 64, 2), (64, 128, 2), (128, 128, 1)])
def test_normalisations_fold_into_their_neighbours(inputs: int, channels: int, stride: int) -> None:
    """Blocks with and without a convolution in the shortcut, against the plain reading in float64."""
    block, draw = Block(inputs, channels, stride).eval(), torch.Generator().manual_seed(0)
    for name, value in block.state_dict().items():
        value.copy_(e4e_by_rule.drawn(f"body.0.{name}", tuple(value.shape)))
    x = torch.randn(2, inputs, 16, 16, generator=draw).contiguous(memory_format=torch.channels_last)
    folded = FoldedBlock(block, available())(x)
    torch.testing.assert_close(folded.double(), block.double()(x.double()), atol=2e-5, rtol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content["state_dict"].pop("encoder.body.5.res_layer.2.weight"), "is missing"),
        (lambda content: content["state_dict"].update({"encoder.more": torch.ones(1)}), "more is not known"),
        (lambda content: content.update(latent_avg=torch.zeros(512)), r"latent_avg is a tensor \(512,\)"),
        (lambda content: content.pop("state_dict"), "no e4e encoder"),
        (lambda content: content["state_dict"]["encoder.latlayer1.bias"].fill_(torch.nan), "holds NaN"),
    ],
)
def test_another_file_is_refused(change: Callable[[dict[str, Any]], object], told: str, tmp_path: Path) -> None:
    weights = {f"encoder.{name}": torch.zeros(()).expand(shape) for name, shape in e4e_by_rule.shapes().items()}
    weights["encoder.latlayer1.bias"] = torch.zeros(512)
    content = {"state_dict": weights, "latent_avg": torch.zeros(18, 512), "opts": {}}
    change(content)
    torch.save(content, tmp_path / "e4e.pt")
    with pytest.raises(WeightsError, match=told):
        E4EEncoder(tmp_path / "e4e.pt", "cpu")
