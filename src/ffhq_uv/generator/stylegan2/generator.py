"""The generator of the published faces: a checkpoint, its noise, and how its images become bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from ffhq_uv.generator.stylegan2.checkpoints import read_checkpoint
from ffhq_uv.generator.stylegan2.compiled import compiled
from ffhq_uv.generator.stylegan2.noise import Noise, set_noise
from ffhq_uv.networks import usable_device
from ffhq_uv.networks.allocator import keep_freed_memory
from ffhq_uv.networks.native import Native, native

Precision = Literal["float32", "float16", "bfloat16"]
_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def to_uint8(image: Tensor) -> Tensor:
    """RGB [N, 3, H, W] in [-1, 1] to uint8 [N, H, W, 3] as FFHQ-UV's third step rounds: x * 127.5 + 128, truncated."""
    return (image * 127.5 + 128).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1)


def to_uint8_truncated(image: Tensor) -> Tensor:
    """RGB [N, 3, H, W] in [-1, 1] to uint8 [N, H, W, 3] as its first step does: (x + 1) / 2 * 255, truncated.

    Black to white 0, 127, 254, 255 for -1, 0, 0.99999, 1, where the third step gives 0, 128, 255, 255.
    """
    return ((image + 1) / 2).clamp_(0, 1).mul_(255).to(torch.uint8).permute(0, 2, 3, 1)


class StyleGAN2Generator:
    """Draws faces as FFHQ-UV's gen_face scripts and third step do: no truncation, the same noise for every face.

    checkpoint  any container that `read_checkpoint` reads
    noise       published | checkpoint | none | seed (`noise.Noise`); ``seed`` is for the last
    precision   of the network's activations and kernels; styles and the image are float32 always. On a CPU, compiled,
                of the numbers that are multiplied only; not float16 there, and bfloat16 if it has the instructions
    compile     build code for this machine: on a CPU our own C++ (two seconds, once for a machine), on a GPU through
                torch.compile (minutes; cached too)
    batch       images drawn at once; a CPU draws them one after the other, which is as fast
    to_bytes    how an image becomes bytes: `to_uint8`, or `to_uint8_truncated` for inversions

    Raises CheckpointError or FileNotFoundError for the checkpoint, ValueError for what this machine has no instructions
    for, RuntimeError without a C++ compiler to compile with.
    """

    def __init__(
        self,
        checkpoint: Path,
        *,
        noise: Noise = "published",
        seed: int = 0,
        precision: Precision = "float32",
        compile: bool = False,
        device: str = "cpu",
        batch: int = 1,
        to_bytes: Callable[[Tensor], Tensor] = to_uint8,
    ) -> None:
        if precision not in _DTYPES:
            raise ValueError(f"precision is {precision!r}, expected one of {', '.join(_DTYPES)}")
        if batch < 1:
            raise ValueError(f"batch is {batch}, expected at least one image")
        self.device = usable_device(device)
        on_cpu = self.device.type == "cpu"
        self.batch = 1 if on_cpu else batch
        self._to_bytes = to_bytes
        if on_cpu:
            keep_freed_memory()
        _, network = read_checkpoint(checkpoint).networks()
        set_noise(network, noise, seed)
        library = _library(precision) if compile and on_cpu else None
        self.network = network.to(self.device).prepare(_DTYPES[precision], library)
        self.resolution = self.network.resolution
        self._synthesize = compiled(self.network) if compile and not on_cpu else self.network

    @property
    def layers(self) -> int:
        """Rows of a W+ code that this network draws: 18 at 1024."""
        return self.network.latents

    def __call__(self, latents: Tensor, ids: Sequence[str]) -> tuple[Tensor, tuple[str | None, ...]]:
        """Faces uint8 [B, V, R, R, 3] of W+ codes float32 [B, V, L, 512], and per sample None or a reason.

        A sample with NaN or infinity in its codes has the reason ``latent_nonfinite`` and black faces.
        Raises ValueError for codes of another network.
        """
        samples, views = latents.shape[:2]
        expected = (self.network.latents, self.network.latent_width)
        if latents.ndim != 4 or tuple(latents.shape[2:]) != expected:
            raise ValueError(
                f"W+ codes of shape {tuple(latents.shape)}; this checkpoint draws {self.resolution} x "
                f"{self.resolution} from [samples, views, {expected[0]}, {expected[1]}]"
            )
        fine = latents.isfinite().flatten(1).all(1)
        faces = torch.zeros(samples, views, self.resolution, self.resolution, 3, dtype=torch.uint8)
        faces[fine] = self.draw(latents[fine].flatten(0, 1)).reshape(-1, *faces.shape[1:])
        return faces, tuple(None if ok else "latent_nonfinite" for ok in fine.tolist())

    def draw(self, codes: Tensor) -> Tensor:
        """Images uint8 [N, R, R, 3], on the CPU, of W+ codes float32 [N, L, 512]."""
        images = torch.empty(len(codes), self.resolution, self.resolution, 3, dtype=torch.uint8)
        for start in range(0, len(codes), self.batch):
            chunk = codes[start : start + self.batch].to(self.device, torch.float32)
            rows = len(chunk)
            if rows < self.batch:  # the compiled network has one shape; and a face must not depend on its batch
                chunk = torch.cat([chunk, chunk[-1:].expand(self.batch - rows, -1, -1)])
            images[start : start + rows] = self._to_bytes(self._synthesize(chunk)[:rows]).cpu()
        return images


def _library(precision: Precision) -> Native:
    library = native()
    if precision == "float16" or (precision == "bfloat16" and not library.bfloat16):
        raise ValueError(
            f"precision: {precision} with compile: true, but this processor cannot multiply {precision} "
            "(bfloat16 takes avx512_bf16): set precision: float32"
        )
    return library
