"""Options that would make a configuration's networks quicker on this machine, and by how much its convolutions are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from ffhq_uv.config import Config, Deep3DAnalysis, StyleGAN2Generator
from ffhq_uv.networks.direct import Products
from ffhq_uv.networks.layers import Direct, Winograd, available
from ffhq_uv.networks.native import Native

CHANNELS, SIDE = 256, 64
"""Of the convolution that is timed: one of the middle of every network here."""
ROUNDS = 5


@dataclass(frozen=True)
class Option:
    """An option that is not taken, the phase of a sample that it shortens, and how much faster convolutions are."""

    words: str
    phase: str
    factor: float


def quicker(config: Config) -> Iterator[Option]:
    """The options of networks on a CPU that this machine would be at least a tenth quicker with."""
    library = available()
    if library is None:
        return
    for option in _options(config, library):
        if option.factor >= 1.1:
            yield option


def _options(config: Config, library: Native) -> Iterator[Option]:
    x = torch.ones(1, CHANNELS, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1).requires_grad_(False)
    winograd = Winograd(library, conv.weight)
    rounded = Winograd(library, conv.weight, precision="bfloat16") if library.bfloat16 else winograd
    generator, analysis = config.generator, config.analysis
    if isinstance(generator, StyleGAN2Generator) and torch.device(generator.device).type == "cpu":
        if not generator.compile:
            yield Option("generator.compile=true", "generate", _ratio(lambda: conv(x), lambda: winograd(x)))
        elif generator.precision == "float32" and library.bfloat16:
            yield Option("generator.precision=bfloat16", "generate", _ratio(lambda: winograd(x), lambda: rounded(x)))
    rounds = not isinstance(analysis, Deep3DAnalysis) or analysis.precision == "bfloat16" or analysis.device != "cpu"
    if library.bfloat16 and not rounds:
        parsing = Direct(library, conv.weight, products=Products.TILES) if library.tiles else rounded
        yield Option("analysis.precision=bfloat16", "analyse", _ratio(lambda: winograd(x), lambda: parsing(x)))


def _ratio(now: Callable[[], object], then: Callable[[], object]) -> float:
    """How many times as fast the second is: the least of rounds in turns, the first of which does not count."""
    with torch.inference_mode():
        now(), then()
        times = [(_seconds(now), _seconds(then)) for _ in range(ROUNDS)]
    return min(slow for slow, _ in times) / min(fast for _, fast in times)


def _seconds(function: Callable[[], object]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began
