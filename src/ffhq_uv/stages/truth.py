"""truth: both ways of extracting textures against the true UV maps -> data/texture-truth.parquet.

Only the studio knows the truth; other archives get an empty table. A true map is what a perfect extraction would give:
the sample in the light that its faces show. What counts are the texels of the face's bare skin that some face shows.
Where the studio's geometry is wrong on purpose (`analysis.noise`), both ways are compared twice: with the geometry as
it is, and refined by landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ffhq_uv.analysis import Analysis
from ffhq_uv.chain.build import build_analysis, build_generator, build_texturer
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.config import sections
from ffhq_uv.faults import PassingError, in_words, is_passing
from ffhq_uv.generator import Generator
from ffhq_uv.geometry import FRONT, Geometry
from ffhq_uv.once import once_a_run
from ffhq_uv.quality.likeness import psnr, seam, ssim
from ffhq_uv.shards.failures import check_failures
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.codes import sample_codes, stored, whole
from ffhq_uv.studio.codes import Codes
from ffhq_uv.studio.recognise import is_studio
from ffhq_uv.studio.render import seen_skin, true_map
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology

SCHEMA: dict[str, type[pl.DataType]] = {
    "id": pl.String,
    "method": pl.String,
    "refine": pl.String,
    "reason": pl.String,
    "psnr": pl.Float64,
    "ssim": pl.Float64,
    "coverage": pl.Float64,
    "seam": pl.Float64,
}
"""A row a sample, method and ``refine``; ``reason`` is null, or why there is no texture and no figure.

refine      what `analysis.refine` was for it
psnr        dB
ssim        up to 1
coverage    share of the texels that count which the method took from a face, 0..1
seam        99th percentile of the spurious gradient, grey levels a texel
"""


Row = dict[str, object]
"""A row of the table, by column."""


@dataclass(frozen=True)
class Shard:
    """Consecutive samples: their rows in the codes and their ids."""

    rows: list[int]
    ids: list[str]
    label: str = files.SAMPLE_CODES.stem

    def ones(self) -> list[Shard]:
        """A shard for every sample."""
        return [Shard([row], [id]) for row, id in zip(self.rows, self.ids, strict=True)]


@dataclass(frozen=True)
class Rooms:
    """What textures are made with; ``analyses`` by `analysis.refine`, ``texturers`` by the method's name."""

    generator: Generator
    analyses: dict[str, Analysis]
    texturers: dict[str, Texturer]
    size: int


def run(config: sections.Config) -> None:
    """Compare every sample of the data set; where nobody knows the truth, write an empty table."""
    table: pl.DataFrame | None = pl.DataFrame(schema=SCHEMA)
    if config.generator.name == "studio" and is_studio(files.TOPO_ASSETS):
        check(config)
        shards = list(_shards(files.read_table(files.SAMPLES), config.engine.shard))
        with running("truth", config, SCHEMA) as run:
            table = run.rows(partial(_compare, config), shards)
    if table is None:
        return
    table = table.sort("id", maintain_order=True).rechunk()  # whatever the shards
    check_failures(table["reason"], config.failures.max_share, "truth")
    files.write_table(files.TEXTURE_TRUTH, table)
    means = (
        table.filter(pl.col("reason").is_null()).group_by("method", "refine", maintain_order=True).agg(pl.mean("psnr"))
    )
    told = (f"{method} (refine={refine}) {psnr:.2f} dB" for method, refine, psnr in means.iter_rows())
    print(", ".join(told) or "no truth to compare with")


def _shards(index: pl.DataFrame, size: int) -> Iterator[Shard]:
    good = index.with_row_index("row").filter(pl.col("reason").is_null())
    for part in good.iter_slices(size):
        yield Shard(part["row"].to_list(), part["id"].to_list())


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


def _compare(config: sections.Config, _: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    return pl.DataFrame(_rows_or_why_not(_rooms(config), shard), SCHEMA), []


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


FIGURES = {"psnr": psnr, "ssim": ssim, "seam": seam}
