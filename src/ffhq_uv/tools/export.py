"""export: OBJ, MTL, PNG and GLB of a head: a new sample on its fitted head, or any UV map on the mean head."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from ffhq_uv import config as settings
from ffhq_uv.analysis.deep3d import MODEL
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.writing import sample_files, write_bytes
from ffhq_uv.chain.build import build_analysis, build_generator, check_studio
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import FRONT, VIEWS
from ffhq_uv.store import files
from ffhq_uv.texture.export import glb_file, mtl_file, obj_file
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.topology import load_mesh


class Words(Declared):
    """What the tool is told."""

    sample: str | None = Field(None, description="id of a new sample, on its fitted head")
    map: Path | None = Field(None, description="PNG of any UV map, on the mean head")
    out: Path = Field(description="folder for the head's files")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sample is None) == (self.map is None):
            raise ValueError("one of sample=ID and map=PNG is needed")
        return self


def run(words: Words, config: settings.Config) -> None:
    """Write the head and say where."""
    if words.map is not None:
        print(export_map(words.map, words.out))
    elif words.sample is not None:
        print(export_sample(config, words.sample, words.out))


def export_sample(config: settings.Config, id: str, out: Path) -> str:
    """Write a sample of the data set made, on the head that the analysis fits to its faces; says what was written.

    Without these faces (a generator that cannot draw the sample) it is the topology's mean head, and the text says why.
    Raises ConfigError where the studio is to read codes that are not its own.
    """
    texture, codes = _find(id)
    check_studio(config.generator, config.analysis)
    mesh = load_mesh(files.TOPO_ASSETS)
    fitted, reason = _fitted(config, id, codes)
    _write(mesh if fitted is None else Mesh(fitted, mesh.uv, mesh.triangles, mesh.triangles_uv), texture, id, out)
    shape = "the fitted head" if reason is None else f"the mean head ({reason})"
    return f"{out / id}.obj, .mtl, .png and .glb: {shape}"


def export_map(texture: Path, out: Path) -> str:
    """Write any UV map of the topology's layout on the topology's mean head; says what was written."""
    if not texture.is_file():
        raise FileNotFoundError(f"{texture}: no such UV map")
    _write(load_mesh(files.TOPO_ASSETS), texture, texture.stem, out)
    return f"{out / texture.stem}.obj, .mtl, .png and .glb: the mean head"


def _find(id: str) -> tuple[Path, NDArray[np.float32]]:
    """The map and the codes [3, 18, 512] of a sample of the data set made."""
    if not (id.isdecimal() and len(id) == 6):
        raise settings.ConfigError(f"sample={id}: expected six digits, such as sample=000000")
    texture = sample_files(files.INTERPOLATED, id)[0]
    if not texture.is_file():
        raise FileNotFoundError(f"{texture}: no such sample; `dvc repro` makes the data set, map=PNG takes other maps")
    locations = [f"face-latents/{texture.parent.name}.zip!{id}/{id}_{view}_latent.pt" for view in VIEWS]
    with Archives(files.INTERPOLATED) as archives:
        return texture, np.stack([decode_latent(archives.read(location), location) for location in locations])


def _fitted(
    config: settings.Config, id: str, codes: NDArray[np.float32]
) -> tuple[NDArray[np.float32] | None, str | None]:
    """Vertices [N, 3] of the head that the analysis fits to the front face; or None, and why there is none."""
    latents = torch.from_numpy(codes)[None]
    faces, reasons = build_generator(config)(latents, [id])
    if reasons[0] is not None:
        return None, reasons[0]
    geometry = build_analysis(config)(faces, latents, [id])
    if geometry.reasons[0] is not None:
        return None, geometry.reasons[0]
    model = MorphableModel.load(files.TOPO_ASSETS / MODEL).to(geometry.identity.device)
    vertices = model.shape(geometry.identity[0, FRONT], geometry.expression[0, FRONT])
    return vertices.cpu().numpy(), None


def _write(mesh: Mesh, texture: Path, name: str, out: Path) -> None:
    png = texture.read_bytes()
    read_png(png, str(texture))
    write_bytes(out / f"{name}.png", png)
    write_bytes(out / f"{name}.mtl", mtl_file(name))
    write_bytes(out / f"{name}.obj", obj_file(mesh, name))
    write_bytes(out / f"{name}.glb", glb_file(mesh, png, name))
