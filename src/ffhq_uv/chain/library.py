"""For other programs: textures out of faces that they have, and faces out of codes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor

from ffhq_uv.generator import Generator
from ffhq_uv.generator.stylegan2 import StyleGAN2Generator
from ffhq_uv.geometry import Geometry
from ffhq_uv.texture import Textures
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology


def extract_textures(
    faces: Tensor,
    geometry: Geometry,
    topo_assets: Path | str,
    *,
    recipe: Literal["published", "faithful"] = "published",
    size: int = 1024,
) -> Textures:
    """The UV maps of samples that are seen from the left, the front and the right.

    faces         uint8 [B, 3, H, W, 3] RGB, the views in the order of `geometry.VIEWS`
    geometry      where the mesh's vertices land in them (`Geometry`)
    topo_assets   the published folder of the topology, or one with an ``.obj`` in the model's place
    recipe        published: FFHQ-UV's own; faithful: depth-tested, registered, sharpened
    size          side of the maps, texels

    Returns maps uint8 [B, size, size, 3], coverage bool [B, 3, size, size], and a reason for each that has none.
    Raises FileNotFoundError or ValueError for the topology.
    """
    topology = load_topology(Path(topo_assets), size)
    texturer = FaithfulTexturer(topology) if recipe == "faithful" else PublishedTexturer(topology)
    return texturer(faces, geometry)


def load_generator(checkpoint: Path | str, *, device: str = "cpu", seed: int = 0, compile: bool = False) -> Generator:
    """A StyleGAN2 generator out of any published container: it draws W+ codes float32 [B, V, L, 512].

    ``compile`` builds native code for a CPU, 1.7 times as fast. No code of the file is run. Raises FileNotFoundError,
    or CheckpointError for a file that holds no such network.
    """
    return StyleGAN2Generator(Path(checkpoint), device=device, seed=seed, compile=compile)
