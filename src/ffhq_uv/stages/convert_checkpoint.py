"""``convert-checkpoint IN OUT.safetensors``: any published StyleGAN2 generator as a file that holds only numbers."""

from __future__ import annotations

from pathlib import Path

from ffhq_uv.generator.stylegan2 import read_checkpoint, write_checkpoint


def convert(source: Path, target: Path) -> str:
    """Read a checkpoint of any container, write it as safetensors; return what it was, in words.

    Raises CheckpointError or FileNotFoundError; ``target`` is then as it was.
    """
    checkpoint = read_checkpoint(source)
    write_checkpoint(target, checkpoint)
    _, network = checkpoint.networks()
    return f"{checkpoint.container}: {network.resolution} x {network.resolution}, {network.latents} style inputs"
