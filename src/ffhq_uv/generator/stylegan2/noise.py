"""The constant noise that a synthesis network adds: one image for each of its layers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ffhq_uv.generator.stylegan2.synthesis import SynthesisNetwork

Noise = Literal["published", "checkpoint", "none", "seed"]
"""published    the stream that FFHQ-UV's normalised faces and face latents were drawn with
checkpoint   the network's own, which FFHQ-UV's inversions were drawn with
none         zeros
seed         normal, from the seed given"""


def set_noise(network: SynthesisNetwork, noise: Noise, seed: int = 0) -> None:
    """Replace the noise of every layer; every sample gets the same. Call `prepare` afterwards.

    Raises ValueError for an unknown name.
    """
    if noise == "checkpoint":
        return
    sizes = [layer.size for layer in network.layers()]
    if noise == "published":
        images = published_noise(sizes)
    elif noise == "seed":
        rng = np.random.default_rng([seed, *b"stylegan2 noise"])
        images = [torch.from_numpy(rng.standard_normal((size, size), np.float32)) for size in sizes]
    elif noise == "none":
        images = [torch.zeros(size, size) for size in sizes]
    else:
        raise ValueError(f"noise is {noise!r}, expected published, checkpoint, none or seed")
    for layer, image in zip(network.layers(), images, strict=True):
        layer.noise_const.copy_(image)


def published_noise(sizes: list[int]) -> list[Tensor]:
    """float32 [s, s] for each size, in order, from one stream of NumPy's legacy generator with seed 0."""
    stream = np.random.RandomState(0)  # the published stream
    return [torch.from_numpy(stream.randn(size, size).astype(np.float32)) for size in sizes]
