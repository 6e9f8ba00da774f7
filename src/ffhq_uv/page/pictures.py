"""The pictures of the page, drawn through the engine and resumed like a stage: atlases, and samples' scripts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.chain.chain import build
from ffhq_uv.config import Config
from ffhq_uv.faults import in_words, is_passing
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.formats.published import MODEL
from ffhq_uv.geometry import FRONT, VIEWS
from ffhq_uv.once import once_a_run
from ffhq_uv.page.eyes import eyeballs, sockets
from ffhq_uv.page.head import Holes, closed, holes, positions, topology
from ffhq_uv.page.rows import Rows
from ffhq_uv.page.script import picture, script, webp
from ffhq_uv.page.wall import PER_ATLAS, QUALITY, atlas, colour, tile
from ffhq_uv.shards.code import code_of
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work
from ffhq_uv.store import files
from ffhq_uv.store.codes import sample_codes, stored, whole
from ffhq_uv.store.limits import limits
from ffhq_uv.texture.topology import load_mesh

SCHEMA: files.Schema = {"id": pl.String, "reason": pl.String, "colour": pl.List(pl.UInt8)}
ATLASES = 4
"""Atlases of a shard."""
MAP, FACE = 1024, 384
"""Largest sides of a sample's map and faces, pixels."""


@dataclass(frozen=True)
class Pictures:
    """What was drawn: the files, below ``folder``, and of each data set the colours of its maps, uint8 [n, 3]."""

    folder: Path
    files: list[Path]
    colours: dict[str, NDArray[np.uint8]]


@dataclass(frozen=True)
class Shard:
    """Rows of a data set from ``first`` on, whole atlases; ``detailed`` rows get a script of their own.

    The ids that the engine knows name the data set too, since both have a sample 000000.
    """

    label: str
    first: int
    names: list[str]
    root: Path
    maps: list[str | None]
    codes: list[Any]
    facts: list[list[tuple[str, str]]]
    detailed: frozenset[int]

    @property
    def ids(self) -> list[str]:
        """The samples' ids."""
        return self.names

    def ones(self) -> list[Shard]:
        """The shard as it is: an atlas is drawn by one worker."""
        return [self]


def draw(config: Config, data_sets: Sequence[Rows]) -> Pictures:
    """Draw what is not yet drawn of all pictures."""
    shards = [shard for rows in data_sets for shard in _shards(rows)]
    with running("look", config, SCHEMA, key=_key(config, data_sets)) as run:
        drawn = run.rows(partial(_draw, config), shards)
        if drawn is None:
            raise RuntimeError("shard= draws a part of the pictures; a run without it writes the page")
        colours, begin = {}, 0
        for rows in data_sets:
            part = drawn["colour"][begin : begin + len(rows.ids)]
            colours[rows.name] = np.array(part.to_list(), np.uint8).reshape(-1, 3)
            begin += len(rows.ids)
        found = sorted(path for rows in data_sets for path in (run.work.folder / rows.name).rglob("[!.]*.*"))
        return Pictures(run.work.folder, found, colours)


def _shards(rows: Rows) -> list[Shard]:
    size, ids = ATLASES * PER_ATLAS, rows.ids
    facts = [
        [*(("parent", f"{id}, weight {weight:.3f}") for id, weight in parents), *(("file", name) for name in names)]
        for parents, names in zip(rows.parents, rows.files, strict=True)
    ]
    detailed, shards = set(rows.detailed), []
    for first in range(0, len(ids), size):
        part = slice(first, first + size)
        own = frozenset(row for row in range(first, min(first + size, len(ids))) if row in detailed)
        shards.append(
            Shard(rows.name, first, ids[part], rows.root, [*rows.maps[part]], [*rows.codes[part]], facts[part], own)
        )
    return shards


def _key(config: Config, data_sets: Sequence[Rows]) -> str:
    """Stands for all that the pictures depend on."""
    chosen = config.model_dump(mode="json", include={"source", "generator", "analysis", "texture", "seed", "limits"})
    tables = [files.SAMPLES, files.MANIFEST, files.RECIPES, files.INTERPOLATED_MEASUREMENTS]
    page = sorted(Path(__file__).parent.glob("*.py"))
    depends = {
        "config": chosen,
        "data": {str(path): sha256_of(path) for path in tables if path.exists()},
        "code": code_of("chain") | {path.name: sha256_of(path) for path in page},
        "detailed": {rows.name: rows.detailed for rows in data_sets},
        "facts": {rows.name: [[*map(list, parents)] for parents in rows.parents if parents] for rows in data_sets},
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:12]


def _draw(config: Config, work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    """Draw a shard's atlases and scripts: a row a sample with its colour, and the files."""
    cv2.setNumThreads(1)
    written, rows, tiles = [], [], []
    maps: dict[int, NDArray[np.uint8]] = {}
    with Archives(shard.root, limits(config)) as archives:
        for place, (id, location) in enumerate(zip(shard.names, shard.maps, strict=True)):
            uv_map, reason = read_or_reason(archives, location)
            tiles.append(None if uv_map is None else tile(uv_map))
            rows.append({"id": id, "reason": reason, "colour": colour(tiles[-1])})
            if uv_map is not None and shard.first + place in shard.detailed:
                maps[place] = uv_map
        for begin in range(0, len(tiles), PER_ATLAS):
            path = work.folder / shard.label / "atlas" / f"{(shard.first + begin) // PER_ATLAS:05d}.webp"
            _write(path, webp(atlas(tiles[begin : begin + PER_ATLAS]), QUALITY))
            written.append(path)
        written += _samples(config, work, shard, archives, maps)
    return pl.DataFrame(rows, dict(SCHEMA)), written


def read_or_reason(archives: Archives, location: str | None) -> tuple[NDArray[np.uint8] | None, str | None]:
    """A map, or None and why there is none: the page shows the other samples."""
    if location is None:
        return None, "no UV map"
    try:
        return read_uv_map(archives, location), None
    except ArchiveError as error:
        return None, str(error)


def _samples(
    config: Config, work: Work, shard: Shard, archives: Archives, maps: dict[int, NDArray[np.uint8]]
) -> list[Path]:
    """Write the scripts of a shard's detailed samples, a batch at a time."""
    written, places = [], sorted(maps)
    for begin in range(0, len(places), config.engine.shard):
        batch = places[begin : begin + config.engine.shard]
        for place, head, faces, note in _heads_one_by_one_if_it_fails(config, shard, archives, batch):
            row = shard.first + place
            address = f"{shard.label}/samples/{row:06d}.js"
            value = {
                "address": address,
                "map": picture(_at_most(maps[place], MAP), 90),
                "faces": [{"view": view, "picture": picture(_at_most(face, FACE), 85)} for view, face in faces],
                "head": head,
                "note": note,
                "facts": shard.facts[place],
            }
            _write(work.folder / address, script("sample", value).encode())
            written.append(work.folder / address)
    return written


Head = tuple[int, dict[str, Any] | None, list[tuple[str, NDArray[np.uint8]]], str | None]


def _heads_one_by_one_if_it_fails(config: Config, shard: Shard, archives: Archives, batch: Sequence[int]) -> list[Head]:
    try:
        return _heads(config, shard, archives, batch)
    except Exception as error:
        if is_passing(error):
            raise
        if len(batch) == 1:
            return [(batch[0], None, [], f"No head could be made: {in_words(error)}.")]
    return [head for place in batch for head in _heads_one_by_one_if_it_fails(config, shard, archives, [place])]


def _heads(config: Config, shard: Shard, archives: Archives, batch: Sequence[int]) -> list[Head]:
    """Of every place its fitted head, its faces by view, and what to know where something is missing."""
    chain, (model, found, lids) = build(config), _model()
    ids = [shard.names[place] for place in batch]
    latents = _latents(archives, [shard.codes[place] for place in batch])
    faces, reasons = chain.generator(latents, ids)
    geometry = chain.analysis(faces, latents, ids)
    heads: list[Head] = []
    for k, place in enumerate(batch):
        pictures = list(zip(VIEWS, faces[k].cpu().numpy(), strict=True)) if reasons[k] is None else []
        reason, head = reasons[k] or geometry.reasons[k], None
        if reason is None and model is not None:
            identity, expression = geometry.identity[k, FRONT], geometry.expression[k, FRONT]
            shape = model.shape(identity.cpu(), expression.cpu()).numpy()
            head = positions(np.concatenate([closed(shape, found), eyeballs(shape, lids)]))
        note = f"No head could be fitted: {reason or 'there is no head model'}." if head is None else None
        heads.append((place, head, pictures, note))
    return heads


def _latents(archives: Archives, codes: Sequence[Any]) -> torch.Tensor:
    """Codes float32 [k, 3, 18, 512]: rows of the stored ones, or of files in the data set made."""
    if isinstance(codes[0], int):
        return torch.from_numpy(np.array(whole(stored(sample_codes())[list(codes)])))
    return torch.from_numpy(
        np.stack([np.stack([decode_latent(archives.read(name), name) for name in names]) for names in codes])
    )


@once_a_run
def _model() -> tuple[MorphableModel | None, Holes, NDArray[np.int64]]:
    """The head model, where there is one, the holes of its mesh and its empty sockets' lids; read once a process."""
    mesh, path = load_mesh(files.TOPO_ASSETS), files.TOPO_ASSETS / MODEL
    found = holes(mesh.triangles, mesh.triangles_uv)
    if not path.exists():
        return None, found, np.empty((0, 6), np.int64)
    model = MorphableModel.load(path)
    mean = model.mean.numpy()
    return model, found, sockets(closed(mean, found), model.keypoints.numpy())


def topology_of_heads() -> dict[str, Any]:
    """What all heads share, as the page reads it."""
    mesh = load_mesh(files.TOPO_ASSETS)
    _, _, lids = _model()
    return topology(mesh.triangles, mesh.triangles_uv, mesh.uv, len(mesh.vertices), len(lids))


def _at_most(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if max(height, width) <= side:
        return pixels
    scale = side / max(height, width)
    return np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _write(path: Path, content: bytes) -> None:
    with files.replacing(path) as partial:
        partial.write_bytes(content)
