"""Runs of a network that give the same numbers each time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

BATCH = 8
"""Faces that a network sees at once on a GPU; the scores of parsing, for faces of 1024, then take 0.7 GB."""


def usable_device(name: str) -> torch.device:
    """The device of a configured name. Raises ValueError where it is not here."""
    try:
        found = torch.device(name)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0][:150]
        raise ValueError(f"device {name!r} is not here ({reason}); choose cpu, or one that is") from error
    return found


def portions(faces: Tensor, device: torch.device) -> tuple[Tensor, ...]:
    """A batch [B, ...] as what a network sees at once: `BATCH` on a GPU.

    On a CPU one: more are no faster there, and so nothing depends on the batch, not even in the last bit.
    """
    return faces.split(1 if device.type == "cpu" else BATCH)  # type: ignore[no-untyped-call, no-any-return]


@contextmanager
def inference() -> Iterator[None]:
    """No gradients; on a GPU, full float32 and algorithms that give the same bits each time."""
    exact = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with torch.inference_mode(), exact:
        yield
