"""Weights load exactly, whatever container they were published in; anything else is refused in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.threads import computing_with
from torch import Tensor, nn

from ffhq_uv.analysis.resnet import resnet18, resnet50
from ffhq_uv.networks import (
    BATCH,
    WeightsError,
    folded,
    portions,
    quickened,
    read_state,
    usable_device,
    with_weights,
)
from ffhq_uv.networks.direct import Products
from ffhq_uv.networks.layers import Direct, Winograd, available
from ffhq_uv.networks.native import Native


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.bn = nn.BatchNorm2d(2)


def state() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Small().state_dict()


def saved(folder: Path, content: object, legacy: bool = False) -> Path:
    path = folder / "published.pth"
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("entry", [None, "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_published_container_gives_the_same_weights(
    tmp_path: Path, legacy: bool, entry: str | None, prefix: str
) -> None:
    content: dict[str, Any] = {prefix + name: value for name, value in state().items()}
    path = saved(tmp_path, content if entry is None else {entry: content, "acc": 71.5, "epoch": 3}, legacy)
    network = with_weights(Small, read_state(path, entry), path)
    for name, value in state().items():
        assert torch.equal(network.state_dict()[name], value)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_half_precision_and_old_files_without_counters(tmp_path: Path) -> None:
    old = {name: value.half() for name, value in state().items() if not name.endswith("num_batches_tracked")}
    path = saved(tmp_path, old)
    network = with_weights(Small, read_state(path), path)
    assert network.conv.weight.dtype == torch.float32
    assert torch.equal(network.conv.weight, state()["conv.weight"].half().float())


def test_tensors_saved_on_a_gpu_are_read_on_the_cpu(tmp_path: Path) -> None:
    """What torch before 1.6 wrote of a network on a GPU: the stream names other storages and their device."""
    path = saved(tmp_path, {"net": state()}, legacy=True)
    stream = path.read_bytes()
    assert stream.count(b"torch\nFloatStorage\n") == 1
    gpu = stream.replace(b"torch\nFloatStorage\n", b"torch.cuda\nFloatStorage\n")
    path.write_bytes(gpu.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    read = read_state(path, "net")
    for name, value in state().items():
        assert torch.equal(read[name], value)
        assert read[name].device.type == "cpu"


def changed(**changes: Tensor | None) -> dict[str, Tensor]:
    return {name: value for name, value in (state() | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(**{"bn.bias": None, "bn.weight": None}), r"Small: bn\.weight is missing \(and 1 more\)"),
        (changed(extra=torch.ones(1)), r"Small: extra is not known \(and 0 more\)"),
        (changed(**{"conv.weight": torch.ones(2, 4, 1, 1)}), r"conv\.weight has shape \(2, 4, 1, 1\), expected \(2, 3"),
        (changed(**{"conv.bias": torch.tensor([1.0, torch.nan])}), r"conv\.bias holds NaN"),
        ({"conv.weight": 3}, "'conv.weight' is a int, expected a tensor"),
        ([1, 2], "holds list, expected a state dict"),
        ({}, "holds nothing, expected a state dict"),
    ],
)
def test_other_weights_are_refused_by_name(tmp_path: Path, content: object, message: str) -> None:
    path = saved(tmp_path, content)
    with pytest.raises(WeightsError, match=rf"published\.pth.*{message}"):
        with_weights(Small, read_state(path), path)


def test_a_dict_without_the_network_says_what_it_holds(tmp_path: Path) -> None:
    path = saved(tmp_path, {"opt_00": {}, "sched_00": {}})
    with pytest.raises(WeightsError, match="holds 'opt_00', 'sched_00', expected a state dict under 'net_recon'"):
        read_state(path, "net_recon")


class Hostile:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("legacy", [False, True])
def test_hostile_and_damaged_files_run_nothing_and_are_one_line(tmp_path: Path, legacy: bool) -> None:
    trace = tmp_path / "was executed"
    path = saved(tmp_path, {"conv.weight": Hostile(trace)}, legacy)
    with pytest.raises(WeightsError, match=r"published\.pth: refuses GLOBAL (posix|nt|os)\.mkdir") as caught:
        read_state(path)
    assert not trace.exists()
    assert "\n" not in str(caught.value)
    path = saved(tmp_path, state(), legacy)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(WeightsError, match=r"published\.pth: not a readable torch file") as caught:
        read_state(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        read_state(tmp_path / "none.pth")


def test_a_gpu_sees_faces_together_and_a_cpu_one_by_one() -> None:
    faces = torch.arange(2 * BATCH + 3)[:, None]
    for device, sizes in (("cpu", [1] * len(faces)), ("cuda", [BATCH, BATCH, 3])):
        parts = portions(faces, torch.device(device))
        assert [len(part) for part in parts] == sizes
        assert torch.equal(torch.cat(parts), faces)


@pytest.mark.parametrize("name", ["cuda:99", "nonsense"])
def test_a_device_that_is_not_here_is_named(name: str) -> None:
    assert usable_device("cpu").type == "cpu"
    with pytest.raises(ValueError, match=rf"device '{name}' is not here \(.*\); choose cpu") as caught:
        usable_device(name)
    assert "\n" not in str(caught.value)


class Several(nn.Module):
    """Convolutions that Winograd's way serves, with and without a ReLU after them, and some that it does not."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 64, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(64)
        self.prelu = nn.PReLU(64)
        self.third = nn.Conv2d(64, 32, 3, padding=1)
        self.halving = nn.Conv2d(32, 32, 3, stride=2, padding=1)
        self.relu = nn.ReLU()
        self.wide = nn.Conv2d(32, 96, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.third(self.prelu(self.norm(self.second(self.first(x)))))
        return self.wide(self.relu(self.halving(x)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("tiles", [False, True])
def test_the_quick_layers_compute_what_the_plain_ones_do(tiles: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    library = available()
    if library is None or tiles > library.tiles:
        pytest.skip("no compiler, or no tiles on this processor")
    monkeypatch.setattr(library, "tiles", tiles)
    torch.manual_seed(3)
    network = Several().eval().requires_grad_(False)
    network.norm.running_mean.uniform_(-1, 1)
    network.norm.running_var.uniform_(0.5, 2)
    network.prelu.weight.uniform_(-0.5, 1.5)
    x = torch.randn(2, 3, 19, 30)
    plain = network(x)
    quick = quickened(folded(network), torch.device("cpu"), channels=64)
    quicker = {name: type(layer) for name, layer in quick.named_children() if isinstance(layer, Direct | Winograd)}
    serves = Direct if tiles else Winograd
    assert quicker == {"second": serves, "third": serves, "halving": serves, "wide": Direct}
    torch.testing.assert_close(quick(x), plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("make", [resnet18, resnet50])
def test_blocks_end_by_adding_inside_of_their_convolution(make: Callable[[], nn.Module], careful: bool) -> None:
    torch.manual_seed(0)
    network = make().eval().requires_grad_(False)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.1, 0.1)
            norm.running_var.uniform_(0.5, 2)
    x = torch.randn(2, 3, 64, 64)
    plain = network(x)
    quick = quickened(folded(network), torch.device("cpu"), channels=256, careful=careful)
    for found, expected in zip(quick(x), plain, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-4 * float(expected.abs().max()), rtol=1e-4)


def library_for(products: Products) -> Native:
    library = available()
    if library is None:
        pytest.skip("no compiler")
    if (products >= Products.BFLOAT16 and not library.bfloat16) or (products >= Products.TILES and not library.tiles):
        pytest.skip("not on this processor")
    return library


def check(make: Callable[..., nn.Module], side: int, step: int, height: int, width: int, error: float) -> None:
    """The convolution and what follows, of some channels of wider features, with what lies around and is added."""
    draw = torch.Generator().manual_seed(0)
    wide = torch.randn(2, 608, height, width, generator=draw).contiguous(memory_format=torch.channels_last)
    x, around = wide[:, 32:], torch.randn(576, generator=draw)  # more inputs than the first cache holds
    weight, bias, slopes = torch.randn(96, 576, side, side, generator=draw), torch.randn(96), torch.rand(96)
    pad = side // 2
    framed = around[:, None, None].expand(2, 576, height + 2 * pad, width + 2 * pad).clone()
    framed[:, :, pad : pad + height, pad : pad + width] = x
    plain = nn.functional.conv2d(framed.double(), weight.double(), bias.double(), step)
    added = torch.randn(plain.shape, generator=draw)
    expected = nn.functional.prelu(plain + added, slopes.double())
    for threads in (1, 2):
        with computing_with(threads):
            convolution = make(weight, bias, slopes, around, step=step)
            found = convolution(x, added)
            assert (found - expected).square().mean().sqrt() < error * expected.square().mean().sqrt()
            for sample in range(2):  # whatever the batch
                assert torch.equal(convolution(x[sample : sample + 1], added[sample : sample + 1])[0], found[sample])


@pytest.mark.parametrize("products", Products)
@pytest.mark.parametrize(
    ("side", "step", "height", "width"), [(3, 1, 21, 9), (3, 2, 20, 33), (3, 2, 7, 1), (1, 2, 9, 7), (1, 1, 7, 7)]
)
def test_products_are_the_convolution(side: int, step: int, height: int, width: int, products: Products) -> None:
    make = partial(Direct, library_for(products), products=products)
    check(make, side, step, height, width, 2**-8 if products in (Products.BFLOAT16, Products.TILES) else 2**-17)


@pytest.mark.parametrize(("precision", "error"), [("float32", 2**-17), ("bfloat16", 2**-6)])
@pytest.mark.parametrize(("step", "height", "width"), [(1, 21, 9), (1, 1, 5), (2, 20, 33), (2, 7, 1), (2, 2, 3)])
def test_winograds_way_is_the_convolution(step: int, height: int, width: int, precision: str, error: float) -> None:
    library = library_for(Products.FLOAT32 if precision == "float32" else Products.BFLOAT16)
    check(partial(Winograd, library, precision=precision), 3, step, height, width, error)


@pytest.mark.parametrize("side", [1, 3])
def test_products_of_images_of_one_pixel(side: int) -> None:
    """Such as means, whose strides may say anything."""
    draw = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(3, 32, 8, 8, generator=draw), torch.randn(32, 32, side, side, generator=draw))
    for one in (x.mean((2, 3), keepdim=True), x.contiguous(memory_format=torch.channels_last).mean(3, keepdim=True)):
        found = Direct(library_for(Products.FLOAT32), weight)(one)
        torch.testing.assert_close(found, nn.functional.conv2d(one, weight, padding=side // 2), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("products", Products)
def test_products_keep_a_number_that_is_none(products: Products) -> None:
    """Where it is seen, and nowhere else."""
    x = torch.ones(1, 32, 9, 70)
    x[0, 5, 4, 40] = torch.nan
    found = Direct(library_for(products), torch.ones(32, 32, 3, 3), products=products)(x).isnan()
    expected = torch.zeros_like(found)
    expected[:, :, 3:6, 39:42] = True
    assert torch.equal(found, expected)
