"""Random small StyleGAN2 generators, and files that hold one in each published container.

Nothing of NVIDIA's, rosinality's or e4e's code is here: stub classes are pickled under the published names, in the
published structure (names and layouts written out from the table of all variables, in the opposite direction to what
the readers do).
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import types
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

CONFIG_F = {4 << step: min(32768 // (4 << step), 512) for step in range(9)}
FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def random_generator(
    channels: dict[int, int], *, width: int = 512, mapping_layers: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Parameters by NVIDIA's PyTorch names, float32, scaled so that images are about as bright as real ones."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(shape, generator=generator) * scale

    tensors = {"mapping.w_avg": normal(width)}
    for layer in range(mapping_layers):
        tensors[f"mapping.fc{layer}.weight"] = normal(width, width, scale=100)
        tensors[f"mapping.fc{layer}.bias"] = normal(width)
    tensors["synthesis.b4.const"] = normal(channels[4], 4, 4)
    below = None
    for size, outputs in channels.items():
        layers = [("conv1", outputs, outputs, 3), ("torgb", outputs, 3, 1)]
        layers = layers if below is None else [("conv0", below, outputs, 3), *layers]
        for layer, inputs, out, kernel in layers:
            name = f"synthesis.b{size}.{layer}"
            tensors[f"{name}.weight"] = normal(out, inputs, kernel, kernel, scale=0.25 if kernel == 1 else 1)
            tensors[f"{name}.affine.weight"] = normal(inputs, width)
            tensors[f"{name}.affine.bias"] = 1 + normal(inputs, scale=0.1)
            tensors[f"{name}.bias"] = normal(out, scale=0.1)
            if kernel == 3:
                tensors[f"{name}.noise_const"] = normal(size, size)
                tensors[f"{name}.noise_strength"] = normal(scale=0.1)
        below = outputs
    return tensors


def tensorflow_variables(tensors: dict[str, Tensor]) -> dict[str, Any]:
    """(component key or "") / variable name -> array, in the layout of NVIDIA's TensorFlow networks."""
    variables: dict[str, Any] = {"lod": np.float32(0), "dlatent_avg": tensors["mapping.w_avg"].numpy()}
    for name, tensor in tensors.items():
        array, parts = tensor.numpy(), name.split(".")
        if parts[0] == "mapping" and parts[1] != "w_avg":
            variables[f"mapping/Dense{parts[1][2:]}/{parts[2]}"] = array.T if array.ndim == 2 else array
        elif name == "synthesis.b4.const":
            variables["synthesis/4x4/Const/const"] = array[None]
        elif parts[0] == "synthesis":
            size, layer, parameter = int(parts[1][1:]), parts[2], ".".join(parts[3:])
            tf_layer = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}[layer]
            tf_layer = "Conv" if (size, layer) == (4, "conv1") else tf_layer
            prefix = f"synthesis/{size}x{size}/{tf_layer}"
            if parameter == "noise_const":
                index = 2 * (size.bit_length() - 3) - (layer == "conv0")
                variables[f"synthesis/noise{index}"] = array[None, None]
            elif parameter == "weight":
                array = array[:, :, ::-1, ::-1] if layer == "conv0" else array
                variables[f"{prefix}/weight"] = np.ascontiguousarray(array.transpose(2, 3, 1, 0))
            elif parameter == "affine.weight":
                variables[f"{prefix}/mod_weight"] = np.ascontiguousarray(array.T)
            elif parameter == "affine.bias":
                variables[f"{prefix}/mod_bias"] = array - np.float32(1)
            elif parameter == "noise_strength":
                variables[f"{prefix}/noise_strength"] = np.float32(array)
            else:
                variables[f"{prefix}/bias"] = array
    return variables


def write_tensorflow(path: Path, tensors: dict[str, Tensor], protocol: int = 4) -> None:
    variables = tensorflow_variables(tensors)
    with _stub_module("dnnlib.tflib.network", "Network") as (Network,):

        def network(name: str, prefix: str, components: dict[str, Any]) -> Any:
            own = [
                (key.removeprefix(prefix), value)
                for key, value in variables.items()
                if key.startswith(prefix) and (prefix or "/" not in key)
            ]
            made = Network()
            made.state = {
                "version": 4,
                "name": name,
                "static_kwargs": {"num_channels": 3, "resolution": 1024, "label_size": 0},
                "components": components,
                "build_module_src": "raise SystemExit('executed')",
                "build_func_name": name,
                "variables": own,
            }
            return made

        def generator(name: str) -> Any:
            parts = {key: network(f"G_{key}", f"{key}/", {}) for key in ("synthesis", "mapping")}
            return network(name, "", parts)

        discriminator = Network()
        discriminator.state = {"version": 4, "name": "D", "components": {}, "variables": []}
        path.write_bytes(pickle.dumps((generator("G"), discriminator, generator("Gs")), protocol))


def write_nvidia(path: Path, tensors: dict[str, Tensor], protocol: int = 4, clamp: float | None = None) -> None:
    with (
        _stub_module("torch_utils.persistence", "Persistent") as (Persistent,),
        _stub_module("dnnlib.util", "EasyDict", base=dict) as (EasyDict,),
    ):
        sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj = _reconstruct  # type: ignore[attr-defined]

        def module(prefix: str) -> Any:
            children: OrderedDict[str, Any] = OrderedDict()
            parameters: OrderedDict[str, Any] = OrderedDict()
            buffers: OrderedDict[str, Any] = OrderedDict()
            for name, tensor in tensors.items():
                if not name.startswith(prefix):
                    continue
                head, _, rest = name.removeprefix(prefix).partition(".")
                if rest:
                    if head not in children:
                        children[head] = module(f"{prefix}{head}.")
                elif head in ("noise_const", "w_avg"):
                    buffers[head] = tensor
                else:
                    parameters[head] = torch.nn.Parameter(tensor)
            if prefix.count(".") == 2 or prefix.endswith(("conv0.", "conv1.")):
                buffers["resample_filter"] = FIR
            state = {
                "training": False,
                "_parameters": parameters,
                "_buffers": buffers,
                "_modules": children,
                "_non_persistent_buffers_set": set(),
                "_init_args": (),
                "_init_kwargs": EasyDict(),
                "weight_gain": 0.01 / np.sqrt(512),
                "bias_gain": 0.01,
                "conv_clamp": clamp,
            }
            meta = EasyDict(type="class", version=6, module_src="raise SystemExit", class_name="Net", state=state)
            made = Persistent()
            made.meta = meta
            return made

        ema = module("")
        content = {"training_set_kwargs": EasyDict(resolution=1024), "G": None, "D": None, "G_ema": ema}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch: pickling a storage is deprecated
            path.write_bytes(pickle.dumps(content, protocol))


def rosinality_state(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        parts = name.split(".")
        if parts[0] == "mapping":
            if parts[1] != "w_avg":
                state[f"style.{int(parts[1][2:]) + 1}.{parts[2]}"] = tensor
            continue
        size = int(parts[1][1:])
        level = size.bit_length() - 4  # 8 -> 0, 16 -> 1, ...
        if parts[2] == "const":
            state["input.input"] = tensor[None]
            continue
        layer, parameter = parts[2], ".".join(parts[3:])
        if layer == "torgb":
            module = "to_rgb1" if size == 4 else f"to_rgbs.{level}"
            if size > 4:
                state[f"{module}.upsample.kernel"] = FIR * 4
        else:
            module = "conv1" if size == 4 else f"convs.{2 * level + (layer == 'conv1')}"
            if layer == "conv0":
                state[f"{module}.conv.blur.kernel"] = FIR * 4
        if parameter == "noise_const":
            state[f"noises.noise_{2 * (level + 1) - (layer == 'conv0')}"] = tensor[None, None]
        elif parameter == "noise_strength":
            state[f"{module}.noise.weight"] = tensor.reshape(1)
        elif parameter == "weight":
            state[f"{module}.conv.weight"] = tensor[None]
        elif parameter == "bias":
            state[f"{module}.bias" if layer == "torgb" else f"{module}.activate.bias"] = (
                tensor.reshape(1, 3, 1, 1) if layer == "torgb" else tensor
            )
        else:
            state[f"{module}.conv.modulation.{parameter.removeprefix('affine.')}"] = tensor
    return state


def write_rosinality(path: Path, tensors: dict[str, Tensor], zipped: bool = True) -> None:
    content = {"g_ema": rosinality_state(tensors), "latent_avg": tensors["mapping.w_avg"]}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)


def write_e4e(path: Path, tensors: dict[str, Tensor]) -> None:
    state = {f"decoder.{name}": tensor for name, tensor in rosinality_state(tensors).items()}
    state["encoder.input_layer.0.weight"] = torch.zeros(64, 3, 3, 3)
    options = {"encoder_type": "Encoder4Editing", "stylegan_size": 1024, "device": "cuda:0", "progressive_steps": [0]}
    average = tensors["mapping.w_avg"].repeat(18, 1)
    torch.save({"state_dict": state, "latent_avg": average, "opts": options}, path)


def saved_on_cuda(path: Path) -> None:
    """Rewrite a torch file as if its tensors had been on the first GPU."""
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, record in records.items():
            if name.endswith("data.pkl"):
                assert b"X\x03\x00\x00\x00cpu" in record
                record = record.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            archive.writestr(name, record)


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


EVIDENCE = Path(tempfile.gettempdir()) / "ffhq-uv-hostile-pickle-ran"
"""What the command of `hostile_pickle` would leave behind."""


def hostile_pickle() -> bytes:
    """A pickle that would run a command where an unpickler lets it."""
    import os

    return pickle.dumps(_Call(os.system, f"touch '{EVIDENCE}'"), 4)


def _reconstruct(meta: Any) -> Any:
    raise AssertionError("executed")


_reconstruct.__module__, _reconstruct.__qualname__ = "torch_utils.persistence", "_reconstruct_persistent_obj"


@contextmanager
def _stub_module(name: str, *classes: str, base: type = object) -> Iterator[list[Any]]:
    """A module of that name with empty classes, for as long as something is pickled by its names."""

    def state(self: Any) -> Any:
        return self.state

    def persistent(self: Any) -> Any:
        return _reconstruct, (self.meta,)

    made = []
    module = types.ModuleType(name)
    for each in classes:
        body: dict[str, Any] = {"__module__": name, "__qualname__": each}
        if each == "Network":
            body |= {"__getstate__": state, "__setstate__": lambda self, _: None}
        elif each == "Persistent":
            body |= {"__reduce__": persistent}
        made.append(type(each, (base,), body))
        setattr(module, each, made[-1])
    parents = [name.rsplit(".", up)[0] for up in range(name.count("."), 0, -1)]
    before = {key: sys.modules.get(key) for key in [*parents, name]}
    for parent in parents:
        sys.modules.setdefault(parent, types.ModuleType(parent))
    sys.modules[name] = module
    try:
        yield made
    finally:
        for key, old in before.items():
            if old is None:
                sys.modules.pop(key, None)
            else:
                sys.modules[key] = old
