"""convert-checkpoint: any published StyleGAN2 generator as .safetensors, which holds only numbers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import ConfigError
from ffhq_uv.generator.stylegan2 import read_checkpoint, write_checkpoint


class Words(Declared):
    """What the tool is told."""

    source: Path = Field(description="checkpoint of any published container")
    target: Path = Field(description="file to write, .safetensors")
    clamp: str | None = Field(None, description="of a bare state dict: none, or the bound on its activations (256)")
    in_order: ClassVar[tuple[str, ...]] = ("source", "target")


def run(words: Words) -> None:
    """Convert, and say what it was."""
    print(convert(words.source, words.target, _clamp(words.clamp)))


def _clamp(word: str | None) -> float | Literal["file"] | None:
    if word is None:
        return "file"
    if word == "none":
        return None
    try:
        return float(word)
    except ValueError:
        raise ConfigError(f"clamp={word}: none or a number expected") from None


def convert(source: Path, target: Path, clamp: float | Literal["file"] | None = "file") -> str:
    """Read a checkpoint of any container, write it as safetensors; return what it was, in words.

    Raises CheckpointError or FileNotFoundError; ``target`` is then as it was.
    """
    checkpoint = read_checkpoint(source, clamp)
    write_checkpoint(target, checkpoint)
    _, network = checkpoint.networks()
    return f"{checkpoint.container}: {network.resolution} x {network.resolution}, {network.latents} style inputs"
