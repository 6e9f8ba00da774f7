"""Every published container of a StyleGAN2 generator, told apart by content, read without executing any of it.

1. NVIDIA's TensorFlow pickle (``stylegan2-ffhq-config-f.pkl``, what FFHQ-UV was made with): (G, D, Gs), of which Gs
2. NVIDIA's PyTorch pickle (stylegan2-ada-pytorch): a dict, of which G_ema
3. rosinality's torch file: a dict, of which g_ema and latent_avg
4. ``e4e_ffhq_encode.pt``: a dict, of which state_dict's decoder.* and latent_avg
5. our own safetensors file, which `write_checkpoint` makes of any of them
A bare state dict with NVIDIA's names is taken too.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ffhq_uv.formats.unpickle import NUMPY, Record, Table, UnpickleError, load_torch, unpickle
from ffhq_uv.formats.unpickle.tensors import MAGIC, rebuild, torch_content
from ffhq_uv.generator.stylegan2.mapping import MappingNetwork
from ffhq_uv.generator.stylegan2.names import from_nvidia, from_rosinality, from_tensorflow
from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork

FORMAT = "ffhq_uv.stylegan2"
"""The key of our files' metadata, a JSON object: mapping_lr, clamp, source."""
EXPECTED = (
    "expected a StyleGAN2 generator: stylegan2-ffhq-config-f.pkl, a stylegan2-ada-pytorch .pkl, "
    "a rosinality .pt, e4e_ffhq_encode.pt, or what convert-checkpoint writes"
)


class CheckpointError(ValueError):
    """A file is no readable StyleGAN2 generator."""


@dataclass(frozen=True)
class Checkpoint:
    """A generator's parameters, whatever file they came from.

    tensors     float32, by NVIDIA's PyTorch names: ``mapping.*``, ``synthesis.*``
    container   what the file was, in words
    mapping_lr  learning rate of the mapping network relative to the synthesis network's
    clamp       bound on activations, or None
    """

    tensors: dict[str, Tensor]
    container: str
    mapping_lr: float = 0.01
    clamp: float | None = None

    def networks(self) -> tuple[MappingNetwork, SynthesisNetwork]:
        """The two networks with these parameters (shared, not copied; the noise is copied)."""
        mapping, synthesis = _networks(self)
        for prefix, network in (("mapping.", mapping), ("synthesis.", synthesis)):
            state = {
                name.removeprefix(prefix): tensor.clone() if name.endswith("noise_const") else tensor
                for name, tensor in self.tensors.items()
                if name.startswith(prefix)
            }
            network.load_state_dict(state, assign=True)
            network.eval().requires_grad_(False)
        return mapping, synthesis


def read_checkpoint(path: Path, clamp: float | Literal["file"] | None = "file") -> Checkpoint:
    """Read any container, on the CPU, whatever device it was saved on.

    clamp  the bound on activations, or None, of a bare state dict, which cannot say it itself; "file" refuses one

    Raises FileNotFoundError, or CheckpointError for a file that is damaged, hostile, or something else.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint; {EXPECTED}")
    with open(path, "rb") as file:
        head = file.read(512)
    try:
        if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 100 << 20:
            checkpoint = _from_safetensors(path)
        elif head.startswith((b"PK\x03\x04", MAGIC)):
            checkpoint = _from_torch(load_torch(path, str(path)), clamp)
        elif re.match(rb"\x80[\x02-\x05]", head):
            checkpoint = _from_pickle(unpickle(path.read_bytes(), _TABLE, str(path)))
        else:
            raise CheckpointError(f"{_looks_like(head)}; {EXPECTED}")
        return _checked(checkpoint)
    except UnpickleError as error:
        raise CheckpointError(f"{error}; {EXPECTED}") from error
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except Exception as error:
        raise CheckpointError(f"{path}: damaged checkpoint ({type(error).__name__})") from error


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write our own container; the same parameters give the same bytes. An interrupted write leaves nothing."""
    about = {
        "mapping_lr": checkpoint.mapping_lr,
        "clamp": checkpoint.clamp,
        "source": checkpoint.container,
    }
    metadata = {FORMAT: json.dumps(about)}  # one key: safetensors writes several in a random order
    path.parent.mkdir(parents=True, exist_ok=True)
    partial_path = path.with_name(f".partial-{os.getpid()}-{path.name}")
    try:
        save_file({name: value.contiguous() for name, value in checkpoint.tensors.items()}, partial_path, metadata)
        os.replace(partial_path, path)
    finally:
        partial_path.unlink(missing_ok=True)


def _looks_like(head: bytes) -> str:
    if not head:
        return "an empty file"
    if head.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself (git lfs pull)"
    if head.lstrip()[:1] == b"<":
        return "a web page, not a checkpoint (the download failed)"
    return f"neither a pickle, a torch file nor a safetensors file (starts with {head[:8]!r})"


def _from_safetensors(path: Path) -> Checkpoint:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            if FORMAT not in metadata:
                raise CheckpointError(f"a safetensors file of something else; {EXPECTED}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise CheckpointError(f"damaged safetensors file ({error})") from error
    about = json.loads(metadata[FORMAT])
    return Checkpoint(tensors, about["source"], float(about["mapping_lr"]), about["clamp"])


_CLAMPED = (
    "a bare state dict does not say whether its activations are clamped: convert-checkpoint IN OUT clamp=none, or "
    "clamp=256 for networks that stylegan2-ada-pytorch trained"
)
_EMA = ("g_ema", "params_ema", "ema", "generator_ema")
"""What training programs call the averaged generator."""


def _from_torch(content: Any, clamp: float | Literal["file"] | None) -> Checkpoint:
    if not isinstance(content, dict):
        raise CheckpointError(f"a torch file that holds a {type(content).__name__}; {EXPECTED}")
    decoder = {
        name.removeprefix("decoder."): tensor
        for name, tensor in _tensors(content.get("state_dict")).items()
        if name.startswith("decoder.")
    }
    averaged = next((key for key in _EMA if _tensors(content.get(key))), None)
    state = decoder or _tensors(content.get(averaged) if averaged else content)
    container = "e4e, decoder" if decoder else f"rosinality, {averaged or 'a bare state dict'}"
    if (style := state.get("conv1.conv.modulation.weight")) is not None and style.ndim == 2:
        average = content.get("latent_avg")
        if not isinstance(average, Tensor) or average.ndim not in (1, 2):  # drawing W+ codes needs none
            average, container = torch.zeros(style.shape[1]), f"{container}, without an average code"
        return Checkpoint(from_rosinality(state, average), container)
    if any(name.startswith("synthesis.") for name in state):
        _check_kind(state)
        if clamp == "file":
            raise CheckpointError(_CLAMPED)
        return Checkpoint(from_nvidia(state), "state dict with NVIDIA's names", clamp=clamp)
    keys = ", ".join(sorted(map(str, content))[:5]) or "nothing"
    raise CheckpointError(f"a torch file of something else (it holds {keys}); {EXPECTED}")


def _tensors(state: Any) -> dict[str, Tensor]:
    """The tensors of a state dict, by names without what wrappers put before them; empty for anything else."""
    if not isinstance(state, dict):
        return {}
    named = ((re.sub(r"^(module\.|_orig_mod\.)+", "", str(name)), value) for name, value in state.items())
    return {name: value for name, value in named if isinstance(value, Tensor)}


def _from_pickle(content: Any) -> Checkpoint:
    match content:
        case (Record(), Record(), Record() as network):
            return _from_tensorflow(network)
        case {"G_ema": {"state": dict()} as network}:
            return _from_nvidia(network)
    raise CheckpointError(f"a pickle of something else (a {type(content).__name__}); {EXPECTED}")


def _from_tensorflow(network: Record) -> Checkpoint:
    options = network.fields.get("static_kwargs", {})
    for option, value in (("architecture", "skip"), ("resample_kernel", [1, 3, 3, 1]), ("label_size", 0)):
        if options.get(option, value) != value:
            raise CheckpointError(f"a network with {option} {options[option]}; only {value} is known here")
    tensors = from_tensorflow(dict(_variables(network, "")))
    return Checkpoint(tensors, "TensorFlow pickle, Gs", float(options.get("mapping_lrmul", 0.01)))


def _variables(network: Record, prefix: str) -> Iterator[tuple[str, Any]]:
    """A network's variables, and its components' under their keys (not their names: G_synthesis is synthesis)."""
    for name, value in network.fields.get("variables", []):
        yield prefix + name, value
    for key, component in network.fields.get("components", {}).items():
        yield from _variables(component, f"{prefix}{key}/")


def _from_nvidia(network: Mapping[str, Any]) -> Checkpoint:
    modules = dict(_modules(network, ""))
    tensors = {
        f"{prefix}{name}": tensor
        for prefix, state in modules.items()
        for kind in ("_parameters", "_buffers")
        for name, tensor in state.get(kind, {}).items()
        if tensor is not None
    }
    lr = modules.get("mapping.fc0.", {}).get("bias_gain", 0.01)
    clamp = modules.get("synthesis.b4.conv1.", {}).get("conv_clamp")
    return Checkpoint(from_nvidia(tensors), "PyTorch pickle, G_ema", float(lr), clamp and float(clamp))


def _modules(module: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The state of a persistent module and of all below it, by dotted prefix."""
    state = module["state"]
    yield prefix, state
    for name, child in state.get("_modules", {}).items():
        if child is not None:
            yield from _modules(child, f"{prefix}{name}.")


def _check_kind(tensors: Mapping[str, Any]) -> None:
    """Raise CheckpointError for a generator of another kind, naming it."""
    names = [name for name in tensors if name.startswith("synthesis.")]
    blocks = {name.split(".")[1] for name in names if re.match(r"synthesis\.b\d+\.", name)}
    kind = None
    if any(re.match(r"synthesis\.(L\d+_|input\.)", name) for name in names):
        kind = "StyleGAN3"
    elif any(name.endswith(".skip.weight") for name in names):
        kind = "a StyleGAN2 of the resnet architecture"
    elif len(blocks) > 1 and sum(f"synthesis.{block}.torgb.weight" in tensors for block in blocks) == 1:
        kind = "a StyleGAN2 of the orig architecture"
    elif names and not any(name.endswith(".noise_strength") for name in names):
        kind = "a StyleGAN2 without noise"
    if kind:
        raise CheckpointError(f"{kind}, which is not drawn here: only StyleGAN2 of the skip architecture is")


def _checked(checkpoint: Checkpoint) -> Checkpoint:
    """The same as float32, if exactly the parameters of a generator are there, finite and of fitting shapes."""
    _check_kind(checkpoint.tensors)
    kept = ((name, value) for name, value in checkpoint.tensors.items() if not name.startswith("mapping.embed."))
    tensors = {name: value.detach().float() for name, value in kept}  # of a label, which drawing W+ codes needs not
    checkpoint = Checkpoint(tensors, checkpoint.container, checkpoint.mapping_lr, checkpoint.clamp)
    mapping, synthesis = _networks(checkpoint)
    expected = {
        f"{prefix}.{name}": tuple(value.shape)
        for prefix, network in (("mapping", mapping), ("synthesis", synthesis))
        for name, value in network.state_dict().items()
    }
    what = f"{checkpoint.container}, {synthesis.resolution} x {synthesis.resolution}"
    if missing := sorted(expected.keys() - tensors.keys()):
        raise CheckpointError(f"{what}: {missing[0]} is missing (and {len(missing) - 1} more); {EXPECTED}")
    if unknown := sorted(tensors.keys() - expected.keys()):
        raise CheckpointError(f"{what}: {unknown[0]} is not known (and {len(unknown) - 1} more); {EXPECTED}")
    for name, value in tensors.items():
        if tuple(value.shape) != expected[name]:
            raise CheckpointError(f"{what}: {name} has shape {tuple(value.shape)}, expected {expected[name]}")
        if not value.isfinite().all():
            raise CheckpointError(f"{what}: {name} holds NaN or infinity")
    return checkpoint


def _networks(checkpoint: Checkpoint) -> tuple[MappingNetwork, SynthesisNetwork]:
    """Empty networks of the sizes that the checkpoint's tensors have."""

    def shape(name: str, dimensions: int) -> torch.Size:
        found = checkpoint.tensors.get(name, torch.empty(0, device="meta")).shape
        if len(found) != dimensions:
            raise CheckpointError(f"{checkpoint.container}: {name} is missing or has {len(found)} axes; {EXPECTED}")
        return found

    sizes, size = [4], 8
    while any(name.startswith(f"synthesis.b{size}.") for name in checkpoint.tensors):
        sizes.append(size)
        size *= 2
    channels = {size: shape(f"synthesis.b{size}.conv1.bias", 1)[0] for size in sizes}
    latent_width = shape("synthesis.b4.conv1.affine.weight", 2)[1]
    widths = [shape("mapping.fc0.weight", 2)[1]]
    while f"mapping.fc{len(widths) - 1}.weight" in checkpoint.tensors:
        widths.append(shape(f"mapping.fc{len(widths) - 1}.weight", 2)[0])
    with torch.device("meta"):
        return MappingNetwork(widths, checkpoint.mapping_lr), SynthesisNetwork(channels, latent_width, checkpoint.clamp)


def _stored(data: bytes) -> Any:
    """A storage in an NVIDIA pickle: a whole torch file of its own."""
    return torch_content(data, "a storage")


def _same(value: Any, *_: object) -> Any:
    return value


_TABLE: Table = {
    **NUMPY,
    "dnnlib.tflib.network.Network": partial(Record, "Network"),
    "dnnlib.util.EasyDict": dict,
    "torch_utils.persistence._reconstruct_persistent_obj": _same,
    "torch.storage._load_from_bytes": _stored,
    "torch._utils._rebuild_tensor_v2": rebuild,
    "torch._utils._rebuild_parameter": _same,
    "torch.Size": tuple,
    "torch.float16": None,
    "torch.float32": None,
    "collections.OrderedDict": dict,
    "builtins.set": set,
    "__builtin__.set": set,
}
"""All that NVIDIA's pickles name. The source text that they carry stays text."""
