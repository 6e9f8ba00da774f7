"""Published networks: exactly their weights, out of a file.

A published file is a torch file (a zip, or the stream that torch wrote before 1.6) of a state dict: bare, under a key
of a larger dict, or with the prefix ``module.`` that data-parallel training leaves on every name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from ffhq_uv.formats.unpickle import UnpickleError, load_torch

Network = TypeVar("Network", bound=nn.Module)
State = dict[str, Tensor]


class WeightsError(ValueError):
    """A file does not hold the weights of the network that it is read for."""


def read_state(path: Path, entry: str | None = None) -> State:
    """The state dict of a published file, float32 on the CPU, by its names without ``module.``.

    entry    the key of the file's dict that holds the network; None: the file is the state dict

    Raises FileNotFoundError, or WeightsError for a file that is damaged, hostile, or something else.
    """
    try:
        content = load_torch(path, str(path))
    except UnpickleError as error:
        raise WeightsError(f"{error}; download it again") from error
    state = content.get(entry) if entry is not None and isinstance(content, dict) else content
    if not isinstance(state, dict) or not state:
        found = ", ".join(map(repr, list(content)[:5])) if isinstance(content, dict) else type(content).__name__
        wanted = "a state dict" if entry is None else f"a state dict under {entry!r}"
        raise WeightsError(f"{path}: holds {found or 'nothing'}, expected {wanted}")
    return checked_state(state, path)


def checked_state(state: Mapping[object, object], path: Path) -> State:
    """A state dict as it was read, float32, by its names without ``module.``. Raises WeightsError for other things."""
    tensors: State = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(f"{path}: {name!r} is a {type(value).__name__}, expected a tensor of a state dict")
        number = value.detach().float() if value.is_floating_point() else value.detach()
        if not number.isfinite().all():
            raise WeightsError(f"{path}: {name} holds NaN or infinity; download it again")
        tensors[name.removeprefix("module.")] = number
    return tensors


def with_weights(make: Callable[[], Network], state: State, path: Path) -> Network:
    """The network that ``make`` builds, with these weights and no others; ready to run on the CPU.

    Counters of batch normalisation (``num_batches_tracked``), which files from before torch 0.4.1 lack, may be missing.
    Raises WeightsError naming the first parameter that is missing, not known, or of another shape.
    """
    with torch.device("meta"):  # nothing is drawn at random only to be overwritten
        network = make()
    expected = network.state_dict()
    counters = {name: torch.tensor(0) for name in expected if name.endswith(".num_batches_tracked")}
    state = counters | state
    what = f"{path}: not the weights of {type(network).__name__}"
    if missing := [name for name in expected if name not in state]:
        raise WeightsError(f"{what}: {missing[0]} is missing (and {len(missing) - 1} more)")
    if unknown := [name for name in state if name not in expected]:
        raise WeightsError(f"{what}: {unknown[0]} is not known (and {len(unknown) - 1} more)")
    for name, value in expected.items():
        if state[name].shape != value.shape:
            raise WeightsError(f"{what}: {name} has shape {tuple(state[name].shape)}, expected {tuple(value.shape)}")
    network.load_state_dict(state, strict=True, assign=True)
    del state  # where the caller keeps none either, each weight's old form goes as soon as the new one is there
    # Channels last: on a CPU the convolutions of a network take four fifths of the time.
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)
