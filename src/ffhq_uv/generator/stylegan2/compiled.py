"""torch.compile for the synthesis network on a GPU, built once and found again by every later process."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork


def compiled(network: SynthesisNetwork) -> Callable[[Tensor], Tensor]:
    """The network as compiled code for the shape of its first input, with its parameters frozen into it.

    Inductor keeps what it built in TORCHINDUCTOR_CACHE_DIR (by default a folder for the user in the temporary
    directory), by the code, the shapes and the parameters: another process with the same checkpoint starts from there.
    """
    return torch.compile(network, dynamic=False, fullgraph=True, options={"freezing": True})
