"""Of the stage truth, what its workers do: make textures of samples both ways, and compare them with the true maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ffhq_uv.analysis import Analysis
from ffhq_uv.chain.build import build_analysis, build_generator, build_texturer
from ffhq_uv.config import sections
from ffhq_uv.faults import PassingError, in_words, is_passing
from ffhq_uv.generator import Generator
from ffhq_uv.geometry import FRONT, Geometry
from ffhq_uv.once import once_a_run
from ffhq_uv.quality.likeness import psnr, seam, ssim
from ffhq_uv.stages.truth import Shard
from ffhq_uv.store import files
from ffhq_uv.store.codes import sample_codes, stored, whole
from ffhq_uv.studio.codes import Codes
from ffhq_uv.studio.render import seen_skin, true_map
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology

FIGURES = {"psnr": psnr, "ssim": ssim, "seam": seam}

Row = dict[str, object]
"""A row of the table, by column."""


@dataclass(frozen=True)
class Rooms:
    """What textures are made with; ``analyses`` by `analysis.refine`, ``texturers`` by the method's name."""

    generator: Generator
    analyses: dict[str, Analysis]
    texturers: dict[str, Texturer]
    size: int


def compare(config: sections.Config, shard: Shard) -> list[Row]:
    """The rows of a shard's samples."""
    return _rows_or_why_not(_rooms(config), shard)


@once_a_run
def _rooms(config: sections.Config) -> Rooms:
    topology = load_topology(files.TOPO_ASSETS, config.texture.size)
    texturers: dict[str, Texturer] = {
        "published": PublishedTexturer(topology),
        "faithful": FaithfulTexturer(topology),
        config.texture.name: build_texturer(config, topology),
    }
    return Rooms(build_generator(config), _analyses(config), texturers, topology.size)


def _analyses(config: sections.Config) -> dict[str, Analysis]:
    """The configured analysis; and unrefined and refined where the studio's geometry is wrong."""
    section = config.analysis
    if not (isinstance(section, sections.StudioAnalysis) and section.noise > 0):
        return {section.refine: build_analysis(config)}
    kinds: tuple[sections.Refine, ...] = ("none", "landmarks")
    return {
        refine: build_analysis(config.model_copy(update={"analysis": section.model_copy(update={"refine": refine})}))
        for refine in kinds
    }


def _rows_or_why_not(rooms: Rooms, shard: Shard) -> list[Row]:
    """A shard's rows; a sample that makes a room fail is found by comparing them one by one."""
    try:
        return _rows(rooms, shard)
    except Exception as error:
        if isinstance(error, OSError) and files.cannot_write(error):
            raise  # no fault of the sample's
        if len(shard.ids) == 1 and is_passing(error):
            raise PassingError(f"{shard.ids[0]}: {type(error).__name__}: {error}") from error
        if len(shard.ids) == 1:
            return _refused(rooms, shard.ids[0], in_words(error))
    return [row for one in shard.ones() for row in _rows_or_why_not(rooms, one)]


def _refused(rooms: Rooms, id: str, reason: str) -> list[Row]:
    """The rows of a sample of which no method makes a texture."""
    return [row for refine in rooms.analyses for row in _without(rooms, refine, id, reason)]


def _without(rooms: Rooms, refine: str, id: str, reason: str) -> list[Row]:
    return [{"id": id, "method": method, "refine": refine, "reason": reason} for method in rooms.texturers]


def _rows(rooms: Rooms, shard: Shard) -> list[Row]:
    codes = whole(stored(sample_codes())[shard.rows])
    faces, undrawn = rooms.generator(torch.from_numpy(codes), shard.ids)
    rows: list[Row] = []
    for refine, analysis in rooms.analyses.items():
        geometry = analysis(faces, torch.from_numpy(codes), shard.ids)
        reasons = [drawing or found for drawing, found in zip(undrawn, geometry.reasons, strict=True)]
        for id, reason in zip(shard.ids, reasons, strict=True):
            rows += [] if reason is None else _without(rooms, refine, id, reason)
        good = [place for place, reason in enumerate(reasons) if reason is None]
        if good:
            ids = [shard.ids[place] for place in good]
            rows += _figures(rooms, refine, ids, codes[good], faces[good], geometry.select(good))
    return rows


def _figures(rooms: Rooms, refine: str, ids: list[str], codes: Codes, faces: Tensor, geometry: Geometry) -> list[Row]:
    """The rows of samples of which every method makes a texture, or says why not."""
    true = [true_map(views[FRONT], rooms.size) for views in codes]
    seen = [seen_skin(list(views), faces.shape[2], rooms.size) for views in codes]
    rows: list[Row] = []
    for method, texturer in rooms.texturers.items():
        textures = texturer(faces, geometry)
        maps, covered = textures.maps.numpy(), textures.coverage.any(1).numpy()
        for k, (id, reason) in enumerate(zip(ids, textures.reasons, strict=True)):
            row: Row = {"id": id, "method": method, "refine": refine, "reason": reason}
            if reason is None:
                row |= {name: figure(maps[k], true[k], seen[k]) for name, figure in FIGURES.items()}
                row["coverage"] = float(np.mean(covered[k][seen[k]]))
            rows.append(row)
    return rows
