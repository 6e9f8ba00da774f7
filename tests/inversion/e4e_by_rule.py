"""An ``e4e_ffhq_encode.pt`` whose weights anybody can draw again: every tensor from its own name.

The golden numbers were computed with these weights by e4e's own modules. Heads that no golden number is kept of take
the weights of one that has some: a head of every level is drawn, and the file has a third of its size.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

STAND_INS = {0: 0, 1: 1, 2: 1, **dict.fromkeys(range(3, 7), 3), **dict.fromkeys(range(7, 18), 7)}
"""Of each head, the one whose weights it has."""


def shapes() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the encoder's 621 entries, from the published file's documentation."""
    found: dict[str, tuple[int, ...]] = {"input_layer.0.weight": (64, 3, 3, 3), "input_layer.2.weight": (64,)}

    def norm(name: str, channels: int) -> None:
        found.update({f"{name}.{part}": (channels,) for part in ("weight", "bias", "running_mean", "running_var")})
        found[f"{name}.num_batches_tracked"] = ()

    norm("input_layer.1", 64)
    inputs, number = 64, 0
    for depth, blocks in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for _ in range(blocks):
            at = f"body.{number}"
            norm(f"{at}.res_layer.0", inputs)
            found[f"{at}.res_layer.1.weight"] = (depth, inputs, 3, 3)
            found[f"{at}.res_layer.2.weight"] = (depth,)
            found[f"{at}.res_layer.3.weight"] = (depth, depth, 3, 3)
            norm(f"{at}.res_layer.4", depth)
            found[f"{at}.res_layer.5.fc1.weight"] = (depth // 16, depth, 1, 1)
            found[f"{at}.res_layer.5.fc2.weight"] = (depth, depth // 16, 1, 1)
            if number in (3, 7, 21):
                found[f"{at}.shortcut_layer.0.weight"] = (depth, inputs, 1, 1)
                norm(f"{at}.shortcut_layer.1", depth)
            inputs, number = depth, number + 1
    for layer, channels in (("latlayer1", 256), ("latlayer2", 128)):
        found |= {f"{layer}.weight": (512, channels, 1, 1), f"{layer}.bias": (512,)}
    for head in range(18):
        for conv in range(4 if head < 3 else 5 if head < 7 else 6):
            found[f"styles.{head}.convs.{2 * conv}.weight"] = (512, 512, 3, 3)
            found[f"styles.{head}.convs.{2 * conv}.bias"] = (512,)
        found |= {f"styles.{head}.linear.weight": (512, 512), f"styles.{head}.linear.bias": (512,)}
    return found


def drawn(name: str, shape: tuple[int, ...]) -> Tensor:
    """One tensor."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(0)
    normal = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
    part = name.rpartition(".")[2]
    before = name.removesuffix(f".{part}")
    if len(shape) == 4 and part == "weight":
        normal *= math.sqrt(2 / math.prod(shape[1:]))
    elif part in ("bias", "running_mean"):
        normal *= 0.1
    elif part == "running_var":
        normal = np.exp(0.2 * normal)
    elif before.endswith(("input_layer.2", "res_layer.2")):
        normal = 0.25 + 0.05 * normal
    elif not before.endswith("linear"):  # a normalisation
        normal = (0.5 if before.endswith("res_layer.4") else 1.0) + 0.1 * normal
    return torch.from_numpy(normal.astype(np.float32))


def state() -> dict[str, Tensor]:
    """The encoder's entries, in two thirds of which heads share their tensors."""
    found: dict[str, Tensor] = {}
    for name, shape in shapes().items():
        head = int(name.split(".")[1]) if name.startswith("styles") else None
        if head is not None and STAND_INS[head] != head:
            found[name] = found[name.replace(f"styles.{head}.", f"styles.{STAND_INS[head]}.")]
        else:
            found[name] = drawn(name, shape)
    return found


def quick_state() -> dict[str, Tensor]:
    """Entries of the same sizes where no numbers matter: of those that play the same part, one is drawn."""
    drawn_once: dict[tuple[str, ...], Tensor] = {}
    found = {}
    for name, shape in shapes().items():
        part = (*name.split(".")[-3:], str(shape))
        if part not in drawn_once:
            drawn_once[part] = drawn(name, shape)
        found[name] = drawn_once[part]
    return found


def average() -> Tensor:
    """latent_avg [18, 512]."""
    normal = np.random.RandomState(zlib.crc32(b"latent_avg")).standard_normal((18, 512))
    return torch.from_numpy((0.3 * normal).astype(np.float32))


def write(path: Path, encoder: dict[str, Tensor], decoder: dict[str, Tensor] | None = None) -> Path:
    """The published container, with what e4e saves beside the weights."""
    weights = {f"encoder.{name}": value for name, value in encoder.items()}
    weights |= {f"decoder.{name}": value for name, value in (decoder or {}).items()}
    options = {"encoder_type": "Encoder4Editing", "start_from_latent_avg": True, "device": "cuda:0"}
    torch.save({"state_dict": weights, "latent_avg": average(), "opts": options}, path)
    return path
