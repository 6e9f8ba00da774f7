"""convert-checkpoint: any published StyleGAN2 generator as .safetensors, which holds only numbers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.generator.stylegan2 import read_checkpoint, write_checkpoint


class Words(Declared):
    """What the tool is told."""

    source: Path = Field(description="checkpoint of any published container")
    target: Path = Field(description="file to write, .safetensors")
    in_order: ClassVar[tuple[str, ...]] = ("source", "target")


def run(words: Words) -> None:
    """Convert, and say what it was."""
    print(convert(words.source, words.target))


def convert(source: Path, target: Path) -> str:
    """Read a checkpoint of any container, write it as safetensors; return what it was, in words.

    Raises CheckpointError or FileNotFoundError; ``target`` is then as it was.
    """
    checkpoint = read_checkpoint(source)
    write_checkpoint(target, checkpoint)
    _, network = checkpoint.networks()
    return f"{checkpoint.container}: {network.resolution} x {network.resolution}, {network.latents} style inputs"
