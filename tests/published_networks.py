"""The published checkpoints of the networks that see a face, by their tables of names and shapes, filled at random.

The tables are written from the published files' documentation, not from the project's modules.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

Shapes = dict[str, tuple[int, ...]]


def bn(name: str, channels: int) -> Shapes:
    parts: Shapes = dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (channels,))
    return {f"{name}.{part}": shape for part, shape in (parts | {"num_batches_tracked": ()}).items()}


def conv(name: str, outputs: int, inputs: int, kernel: int, bias: bool = False) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel)} | ({f"{name}.bias": (outputs,)} if bias else {})


def resnet(prefix: str, depths: tuple[int, ...], bottleneck: bool) -> Shapes:
    shapes = conv(f"{prefix}.conv1", 64, 3, 7) | bn(f"{prefix}.bn1", 64)
    inputs = 64
    for layer, depth in enumerate(depths, start=1):
        channels = 64 << (layer - 1)
        outputs = channels * 4 if bottleneck else channels
        for block in range(depth):
            at = f"{prefix}.layer{layer}.{block}"
            kernels = [(channels, inputs, 1), (channels, channels, 3), (outputs, channels, 1)]
            if not bottleneck:
                kernels = [(channels, inputs, 3), (channels, channels, 3)]
            for number, (out, into, size) in enumerate(kernels, start=1):
                shapes |= conv(f"{at}.conv{number}", out, into, size) | bn(f"{at}.bn{number}", out)
            if block == 0 and (inputs != outputs or layer > 1):
                shapes |= conv(f"{at}.downsample.0", outputs, inputs, 1) | bn(f"{at}.downsample.1", outputs)
            inputs = outputs
    return shapes


def bisenet() -> Shapes:
    def unit(name: str, outputs: int, inputs: int, kernel: int) -> Shapes:
        return conv(f"{name}.conv", outputs, inputs, kernel) | bn(f"{name}.bn", outputs)

    shapes = resnet("cp.resnet", (2, 2, 2, 2), bottleneck=False)
    for arm, inputs in (("cp.arm16", 256), ("cp.arm32", 512)):
        shapes |= unit(f"{arm}.conv", 128, inputs, 3) | conv(f"{arm}.conv_atten", 128, 128, 1)
        shapes |= bn(f"{arm}.bn_atten", 128)
    shapes |= unit("cp.conv_head32", 128, 128, 3) | unit("cp.conv_head16", 128, 128, 3)
    shapes |= unit("cp.conv_avg", 128, 512, 1) | unit("ffm.convblk", 256, 256, 1)
    shapes |= conv("ffm.conv1", 64, 256, 1) | conv("ffm.conv2", 256, 64, 1)
    for head, inputs, channels in (("conv_out", 256, 256), ("conv_out16", 128, 64), ("conv_out32", 128, 64)):
        shapes |= unit(f"{head}.conv", channels, inputs, 3) | conv(f"{head}.conv_out", 19, channels, 1)
    return shapes


def deep3d(identity: int = 532, expression: int = 45, texture: int = 439) -> Shapes:
    shapes = resnet("backbone", (3, 4, 6, 3), bottleneck=True)
    heads = {"0": identity, "1.0": expression, "2": texture, "3": 3, "4": 27, "5": 2, "6": 1}
    for head, outputs in heads.items():
        shapes |= conv(f"final_layers.{head}", outputs, 2048, 1, bias=True)
    return shapes


VGG_CONVS = (0, 3, 7, 10, 14, 17, 20, 23, 27, 30, 33, 36, 40, 43, 46, 49)
VGG_CHANNELS = (64, 64, 128, 128, *[256] * 4, *[512] * 8)


def vgg19() -> Shapes:
    shapes: Shapes = {}
    for at, outputs, inputs in zip(VGG_CONVS, VGG_CHANNELS, (3, *VGG_CHANNELS), strict=False):
        shapes |= conv(f"features.{at}", outputs, inputs, 3, bias=True) | bn(f"features.{at + 1}", outputs)
    return shapes | {"classifier.weight": (7, 512), "classifier.bias": (7,)}


def iresnet50() -> Shapes:
    shapes = conv("conv1", 64, 3, 3) | bn("bn1", 64) | {"prelu.weight": (64,)}
    inputs = 64
    for layer, (depth, channels) in enumerate(zip((3, 4, 14, 3), (64, 128, 256, 512), strict=True), start=1):
        for block in range(depth):
            at = f"layer{layer}.{block}"
            shapes |= bn(f"{at}.bn1", inputs) | conv(f"{at}.conv1", channels, inputs, 3) | bn(f"{at}.bn2", channels)
            shapes |= {f"{at}.prelu.weight": (channels,)}
            shapes |= conv(f"{at}.conv2", channels, channels, 3) | bn(f"{at}.bn3", channels)
            if block == 0:
                shapes |= conv(f"{at}.downsample.0", channels, inputs, 1) | bn(f"{at}.downsample.1", channels)
            inputs = channels
    return shapes | bn("bn2", 512) | {"fc.weight": (512, 25088), "fc.bias": (512,)} | bn("features", 512)


def dpr() -> Shapes:
    def block(name: str, inputs: int, outputs: int, batch: bool) -> Shapes:
        shapes = conv(f"{name}.conv1", outputs, inputs, 3) | conv(f"{name}.conv2", outputs, outputs, 3)
        shapes |= conv(f"{name}.shortcuts", outputs, inputs, 1)
        return shapes | (bn(f"{name}.bn1", outputs) | bn(f"{name}.bn2", outputs) if batch else {})

    light = {
        "predict_FC1.weight": (128, 27, 1, 1),
        "predict_relu1.weight": (1,),
        "predict_FC2.weight": (9, 128, 1, 1),
        "post_FC1.weight": (128, 9, 1, 1),
        "post_relu1.weight": (1,),
        "post_FC2.weight": (27, 128, 1, 1),
    }
    inner: Shapes = dict(light)
    shapes = conv("pre_conv", 16, 1, 5, bias=True) | bn("pre_bn", 16)
    shapes |= {f"light.{name}": shape for name, shape in light.items()}
    for name, inputs, channels in (("HG0", 64, 155), ("HG1", 32, 64), ("HG2", 16, 32), ("HG3", 16, 16)):
        glass = block("upper", inputs, inputs, False) | block("low1", inputs, channels, True)
        glass |= {f"middle.{key}": shape for key, shape in inner.items()} | block("low2", channels, inputs, False)
        shapes |= {f"{name}.{key}": shape for key, shape in glass.items()}
        inner = glass
    for number, kernel in ((1, 3), (2, 1), (3, 1)):
        shapes |= conv(f"conv_{number}", 16, 16, kernel, bias=True) | bn(f"bn_{number}", 16)
    return shapes | conv("output", 1, 16, 1, bias=True)


ENTRIES = {bisenet: 191, deep3d: 332, vgg19: 114, iresnet50: 475, dpr: 250}
"""How many tensors each published file holds."""


def random_state(shapes: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Tensors of these shapes that keep activations of order one. DPR's names of one tensor share it."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        same = name.replace("HG3.middle.", "HG2.").replace("HG2.middle.", "HG1.").replace("HG1.middle.", "HG0.")
        same = same.replace("HG0.middle.", "light.")
        if same in state and same != name:
            state[name] = state[same]
            continue
        noise = torch.randn(shape, generator=generator)
        match name.rpartition(".")[2]:
            case "num_batches_tracked":
                state[name] = torch.tensor(7)
            case "running_var":
                state[name] = 1 + noise.tanh() / 2
            case "weight" if len(shape) == 1:
                state[name] = (0.25 if "relu" in name else 1) + noise / 10
            case "weight":
                state[name] = noise * math.sqrt(1.5 / math.prod(shape[1:]))
            case _:
                state[name] = noise / 10
    return state


def small_pose(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state of Deep3D with heads so small that it sees a head near the mean one, upright and in front."""
    return {name: value / 100 if name.startswith("final_layers") else value for name, value in state.items()}


def write_checkpoints(folder: Path, identity: int, expression: int) -> None:
    """The five networks in their published containers, under their published names, for a model of these bases."""
    for path, content, legacy in published_files(identity, expression):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, folder / path, _use_new_zipfile_serialization=not legacy)


def published_files(identity: int, expression: int) -> Iterator[tuple[str, object, bool]]:
    """Path, content, and whether the container is the one from before torch 1.6."""
    net = small_pose(random_state(deep3d(identity, expression)))
    one = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.Adam([one], lr=1e-4)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    states = {"net_recon": net, "opt_00": optimizer.state_dict(), "sched_00": scheduler.state_dict()}
    yield "deep3d_model/epoch_latest.pth", states, False
    yield "parsing_model/79999_iter.pth", random_state(bisenet()), True
    accuracies = {"best_PublicTest_acc": 71.496, "best_PrivateTest_acc": 73.112, "best_PublicTest_acc_epoch": 240}
    old = {name: value for name, value in random_state(vgg19()).items() if not name.endswith("num_batches_tracked")}
    yield "exprecog_model/FacialExpRecognition_model.t7", {"net": old, **accuracies}, True
    yield "arcface_model/ms1mv3_arcface_r50_fp16_backbone.pth", random_state(iresnet50()), False
    yield "dpr_model/trained_model_03.t7", random_state(dpr()), True


class Plain:
    """Layers evaluated from a state dict by their formulas, in float64, with none of the project's modules."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        self.state = {name: value.double() for name, value in state.items()}

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.state[f"{name}.weight"]
        bias = self.state.get(f"{name}.bias")
        return functional.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def bn(self, name: str, x: Tensor) -> Tensor:
        weight, bias, mean, var = (
            self.state[f"{name}.{part}"].view(-1, *[1] * (x.ndim - 2))
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def prelu(self, name: str, x: Tensor) -> Tensor:
        slope = self.state[f"{name}.weight"].view(-1, *[1] * (x.ndim - 2))
        return x.clamp(min=0) + slope * x.clamp(max=0)

    def resnet(self, prefix: str, x: Tensor, depths: tuple[int, ...], convs: int) -> list[Tensor]:
        x = self.bn(f"{prefix}.bn1", self.conv(f"{prefix}.conv1", x, 2)).relu()
        x = functional.max_pool2d(x, 3, 2, 1)
        features = []
        for layer, depth in enumerate(depths, start=1):
            for block in range(depth):
                at = f"{prefix}.layer{layer}.{block}"
                stride = 2 if block == 0 and layer > 1 else 1
                y = x
                for number in range(1, convs + 1):
                    strided = number == (2 if convs == 3 else 1)  # v1.5 puts a bottleneck's stride on the 3 x 3
                    y = self.bn(f"{at}.bn{number}", self.conv(f"{at}.conv{number}", y, stride if strided else 1))
                    y = y.relu() if number < convs else y
                if f"{at}.downsample.0.weight" in self.state:
                    x = self.bn(f"{at}.downsample.1", self.conv(f"{at}.downsample.0", x, stride))
                x = (x + y).relu()
            features.append(x)
        return features
