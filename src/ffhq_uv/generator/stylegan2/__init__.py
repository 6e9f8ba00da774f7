"""StyleGAN2: W+ codes to faces, from any published checkpoint."""

from ffhq_uv.generator.stylegan2.checkpoints import (
    Checkpoint,
    CheckpointError,
    read_checkpoint,
    write_checkpoint,
)
from ffhq_uv.generator.stylegan2.generator import Precision, StyleGAN2Generator, to_uint8, to_uint8_truncated
from ffhq_uv.generator.stylegan2.noise import Noise

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "Noise",
    "Precision",
    "StyleGAN2Generator",
    "read_checkpoint",
    "to_uint8",
    "to_uint8_truncated",
    "write_checkpoint",
]
