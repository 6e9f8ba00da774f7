"""The names and layouts of StyleGAN2's parameters in three families of checkpoints, brought to NVIDIA's PyTorch."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1]))
"""The resampling filter of every published checkpoint, up to its gain."""


def from_nvidia(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """stylegan2-ada-pytorch: the names as they are, without the constant filters. ValueError for another filter."""
    return {
        name: tensor
        for name, tensor in tensors.items()
        if not (name.endswith(".resample_filter") and _is_fir(name, tensor))
    }


_TF_LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb"}


def from_tensorflow(variables: Mapping[str, NDArray[np.float32]]) -> dict[str, Tensor]:
    """NVIDIA's TensorFlow network: kernels HWIO, up-convolution kernels mirrored, style biases without their 1.

    Names are joined from the keys of the components: ``synthesis/8x8/Conv0_up/weight``. Unknown names stay.
    """
    tensors = {}
    for name, array in variables.items():
        value = torch.from_numpy(np.array(array, np.float32))
        if name == "lod":
            continue
        if name == "dlatent_avg":
            name = "mapping.w_avg"
        elif match := re.fullmatch(r"mapping/Dense(\d+)/(weight|bias)", name):
            name = f"mapping.fc{match[1]}.{match[2]}"
            value = value.T if value.ndim == 2 else value
        elif match := re.fullmatch(r"synthesis/noise(\d+)", name):
            name, value = f"synthesis.{_noisy_layer(int(match[1]))}.noise_const", value[0, 0]
        elif name == "synthesis/4x4/Const/const":
            name, value = "synthesis.b4.const", value[0]
        elif match := re.fullmatch(r"synthesis/(\d+)x\1/(Conv|Conv0_up|Conv1|ToRGB)/(\w+)", name):
            layer = f"synthesis.b{match[1]}.{_TF_LAYERS[match[2]]}"
            parameter = match[3]
            if parameter == "weight":
                value = value.flip(0, 1) if match[2] == "Conv0_up" else value
                value = value.permute(3, 2, 0, 1)
            elif parameter == "mod_weight":
                parameter, value = "affine.weight", value.T
            elif parameter == "mod_bias":
                parameter, value = "affine.bias", value + 1
            name = f"{layer}.{parameter}"
        tensors[name] = value.contiguous()
    return tensors


def from_rosinality(tensors: Mapping[str, Tensor], average: Tensor) -> dict[str, Tensor]:
    """rosinality's stylegan2-pytorch, and e4e's decoder; ``average`` is the file's latent_avg [512] or [18, 512].

    Unknown names stay. ValueError for another resampling filter.
    """
    renamed = {"mapping.w_avg": average.reshape(-1, average.shape[-1])[0]}
    for name, value in tensors.items():
        if re.search(r"\.(blur|upsample)\.kernel$", name) and _is_fir(name, value):
            continue
        if match := re.fullmatch(r"style\.(\d+)\.(weight|bias)", name):
            renamed[f"mapping.fc{int(match[1]) - 1}.{match[2]}"] = value
        elif match := re.fullmatch(r"noises\.noise_(\d+)", name):
            renamed[f"synthesis.{_noisy_layer(int(match[1]))}.noise_const"] = value[0, 0]
        elif name == "input.input":
            renamed["synthesis.b4.const"] = value[0]
        elif match := re.fullmatch(r"(conv1|to_rgb1|convs\.\d+|to_rgbs\.\d+)\.(.+)", name):
            layer, parameter = match.groups()
            kind, _, index = layer.partition(".")
            if kind == "convs":
                layer = _noisy_layer(int(index) + 1)
            else:
                size = 8 << int(index) if index else 4
                layer = f"b{size}.{'conv1' if kind == 'conv1' else 'torgb'}"
            parameter, value = _from_rosinality_parameter(parameter, value)
            renamed[f"synthesis.{layer}.{parameter}"] = value
        else:
            renamed[name] = value
    return renamed


def _from_rosinality_parameter(parameter: str, value: Tensor) -> tuple[str, Tensor]:
    match parameter:
        case "conv.weight":
            return "weight", value[0]
        case "conv.modulation.weight" | "conv.modulation.bias":
            return parameter.replace("conv.modulation", "affine"), value
        case "noise.weight":
            return "noise_strength", value.reshape(())
        case "activate.bias" | "bias":
            return "bias", value.flatten()
    return parameter, value


def _noisy_layer(index: int) -> str:
    """The layer of the k-th noise image: 4x4 has one, every later resolution two."""
    return f"b{4 << (index + 1) // 2}.conv{(index + 1) % 2}"


def _is_fir(name: str, kernel: Tensor) -> bool:
    kernel = kernel.float()
    if kernel.shape != (4, 4) or not torch.allclose(kernel / kernel.sum(), FIR / 64, atol=1e-6):
        raise ValueError(f"{name} is another resampling filter than [1, 3, 3, 1]")
    return True
