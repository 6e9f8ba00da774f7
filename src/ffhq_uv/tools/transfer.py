"""transfer: UV maps in the layout of another head: its own, or that of a mesh that is registered first."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.archive.catalogue import read_uv_map
from ffhq_uv.archive.containers import Archives, locations, split
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.writing import encode_png, remove_partial_files, write_bytes
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config
from ffhq_uv.engine import Engine
from ffhq_uv.engine.local import local
from ffhq_uv.engine.serial import SERIAL
from ffhq_uv.engine.worker import call
from ffhq_uv.figures.registration import draw_registration
from ffhq_uv.formats.published import MODEL
from ffhq_uv.once import once_a_run
from ffhq_uv.shards.engines import cores
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.provenance import begin_run
from ffhq_uv.shards.run import WORKER_DIED
from ffhq_uv.store import files
from ffhq_uv.store.limits import limits
from ffhq_uv.texture.mesh import Mesh, read_obj
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.transfer.correspondence import Correspondence, Report, by_layouts, by_surface, same_triangles
from ffhq_uv.transfer.landmarks import read_landmarks
from ffhq_uv.transfer.registration import register
from ffhq_uv.transfer.resampling import Resampler

SHARD = 8
"""Maps a job."""
SETTINGS, FAILURES, PICTURE = "transfer.json", "failures.json", "registration.png"
"""In the output folder: how its maps were made, those that could not be, and the registration as a picture."""


class Words(Declared):
    """What the tool is told."""

    maps: Path = Field(description="folder, with or without zips, zip or PNG: maps in the topology's layout")
    target: Path = Field(description="OBJ of the other head with its UV coordinates, in one or several UDIM tiles")
    out: Path = Field(description="folder for the moved maps; those that are there stay")
    layout: Path | None = Field(None, description="OBJ of the other head's own triangles with the maps' UV coordinates")
    landmarks: Path | None = Field(
        None, description="the other head's 68 landmarks (iBUG), a vertex or x y z a line; without: y is up, z forward"
    )
    size: int = Field(1024, ge=16, le=8192, description="side of a tile, texels (1024)")
    format: Literal["png", "webp"] = Field("png", description="png, or webp without loss")
    filtered: bool = Field(True, description="average maps that are finer than the target (true)")


def run(words: Words, config: Config) -> None:
    """Move the maps and say what was done."""
    print(transfer(words, limits(config)))


def transfer(words: Words, bounds: Limits = PUBLISHED, workers: int | None = None) -> str:
    """Move every PNG below ``maps`` into the mirrored layout below ``out``; says what was done.

    ``000/000123.png`` stays ``000/000123.png``; of a layout in several UDIM tiles each gets its number
    (``000123.1002.png``). What an earlier run finished with the same settings is not made again, unless its map is
    newer. Maps that cannot be read are listed in ``failures.json``.

    Raises FileNotFoundError, or ValueError for a head that cannot be used and for a folder with other settings' maps.
    """
    maps, out = words.maps, words.out
    root, start = (maps, "") if maps.is_dir() else (maps.parent, maps.name)
    every = locations(root, start, bounds) if maps.exists() else []
    found = sorted(location for location in every if location.lower().endswith(".png"))
    if not found:
        raise FileNotFoundError(f"{maps}: no PNG found; a folder or a zip of UV maps expected, or one map")
    out.mkdir(parents=True, exist_ok=True)
    remove_partial_files(out)
    source_size = _first_size(root, found, bounds)
    key = _key(words, source_size)
    if (settings := out / SETTINGS).exists() and json.loads(settings.read_text())["key"] != key:
        raise ValueError(
            f"{settings}: the maps there were made for another head, or in another way; choose another out="
        )
    tiles, report, lines = correspond(words, source_size, out / PICTURE)
    for tile in tiles:
        with files.replacing(_coordinates(out, tile.number)) as half, open(half, "wb") as file:
            np.savez(file, place=tile.place, inside=tile.inside, factor=tile.factor)
    files.write_json(settings, {"key": key, "tiles": [tile.number for tile in tiles]} | asdict(report))
    names = {location: _names(location, maps, [tile.number for tile in tiles], words.format) for location in found}
    todo = [location for location in found if not _done(root, location, out, names[location])]
    failures = _run(root, out, tuple(tile.number for tile in tiles), names, todo, bounds, workers or cores())
    if failures:
        files.write_json(out / FAILURES, dict(sorted(failures.items())))
    else:
        (out / FAILURES).unlink(missing_ok=True)
    made = f"{len(todo) - len(failures):,} maps moved, {len(found) - len(todo):,} were there"
    return "\n".join([*lines, made + (f", {len(failures):,} could not be: {out / FAILURES}" if failures else "")])


def correspond(words: Words, source_size: int, picture: Path) -> tuple[list[Correspondence], Report, list[str]]:
    """The tiles of a target, and what to know of them, in words; a registration is drawn to ``picture``."""
    mesh = read_obj(words.target, tiles=True)
    lines = []
    if words.layout is not None:
        layout = read_obj(words.layout, tiles=True)
        if not same_triangles(layout, mesh):
            raise ValueError(
                f"{words.layout} has {len(layout.triangles):,} triangles of {len(layout.vertices):,} vertices, "
                f"{words.target} {len(mesh.triangles):,} of {len(mesh.vertices):,}, or in another order: layout= is "
                "the target's own mesh with the maps' UV coordinates; without it, the heads are registered"
            )
        tiles, report = by_layouts(layout, mesh, words.size, source_size, filtered=words.filtered)
    else:
        source = load_mesh(files.TOPO_ASSETS)
        registration = register(source, mesh, _pairs(words, mesh))
        came = mesh.vertices @ registration.turn.astype(np.float32) + registration.shift.astype(np.float32)
        far = np.where(registration.matched, registration.distance, np.nan)
        draw_registration(picture, source.vertices, came, registration.vertices, far)
        apart = 100 * registration.distance[registration.matched]
        lines.append(
            f"registered: {registration.matched.mean():.1%} of the vertices found their surface, median distance "
            f"{np.median(apart):.3f} % of the head's height, 95 % within {np.quantile(apart, 0.95):.3f} %: {picture}"
        )
        tiles, report = by_surface(
            source, mesh, registration.vertices, words.size, source_size, filtered=words.filtered
        )
    lines.append(
        f"{len(tiles)} tile{'s' * (len(tiles) > 1)} of {words.size} texels, {report.covered:.1%} covered, "
        f"{report.density:.2f} source texels a side of a texel; of {report.triangles:,} triangles {report.flipped:,} "
        f"are flipped and {report.without:,} without colour; {report.overlaps:,} texels are covered twice"
    )
    return tiles, report, lines


def _pairs(words: Words, mesh: Mesh) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The landmarks of both heads that are known of the target; None without a file of them."""
    if words.landmarks is None:
        return None
    there = read_landmarks(words.landmarks, mesh.vertices)
    model = MorphableModel.load(files.TOPO_ASSETS / MODEL)
    known = np.isfinite(there).all(1)
    return model.mean[model.keypoints].numpy().astype(np.float64)[known], there[known]


def _first_size(root: Path, found: Sequence[str], bounds: Limits) -> int:
    """Side of the first map that can be read."""
    with Archives(root, bounds) as archives:
        for location in found:
            try:
                return len(read_uv_map(archives, location))
            except ValueError as error:
                problem = error
    raise ValueError(f"none of {len(found):,} maps can be read; the last one: {problem}")


def _key(words: Words, source_size: int) -> str:
    """Stands for all that moved maps depend on, but the maps."""
    given = (words.target, words.layout, words.landmarks)
    if missing := [path for path in given if path and not path.is_file()]:
        raise FileNotFoundError(f"{missing[0]}: no such file")
    heads = [path.read_bytes() if path else b"" for path in given]
    if words.layout is None:
        heads += [path.read_bytes() for path in sorted(files.TOPO_ASSETS.glob("*.mat")) if path.name == MODEL]
    digest = hashlib.sha256(json.dumps([words.size, words.format, words.filtered, source_size]).encode())
    for head in heads:
        digest.update(hashlib.sha256(head).digest())
    return digest.hexdigest()


def _names(location: str, maps: Path, tiles: Sequence[int], format: str) -> list[str]:
    """The files of a map below the output folder, one a tile."""
    archive, zipped, member = location.partition(".zip!")
    path = PurePosixPath(location)
    if zipped:
        stem = PurePosixPath(archive) if maps.is_dir() else PurePosixPath()
        path = (stem.parent if PurePosixPath(member).parts[0] == stem.name else stem) / member
    if len(tiles) == 1:
        return [path.with_suffix(f".{format}").as_posix()]
    return [path.with_suffix(f".{tile}.{format}").as_posix() for tile in tiles]


def _done(root: Path, location: str, out: Path, names: Sequence[str]) -> bool:
    made = root.joinpath(split(location)[0]).stat().st_mtime_ns
    return all((out / name).exists() and (out / name).stat().st_mtime_ns >= made for name in names)


def _run(
    root: Path,
    out: Path,
    tiles: tuple[int, ...],
    names: dict[str, list[str]],
    todo: list[str],
    bounds: Limits,
    workers: int,
) -> dict[str, str]:
    """Move the maps; location -> why it could not be."""
    failures: dict[str, str] = {}
    jobs = [[(location, names[location]) for location in todo[at : at + SHARD]] for at in range(0, len(todo), SHARD)]
    job = partial(call, begin_run(), partial(_move, root, bounds, out.resolve(), tiles))
    backend = local(workers) if len(jobs) > 1 else SERIAL  # a few maps are moved before workers would have started
    with Engine(backend) as engine, progress(len(todo), "transfer", "map") as bar:
        lost: list[Any] = []
        for outcome in engine.outcomes(job, jobs):
            failures |= outcome.result or {}
            lost += outcome.job if outcome.lost else []
            bar.update(0 if outcome.lost else len(outcome.job))
        for outcome in engine.outcomes(job, [[one] for one in lost]):  # one of a job's maps is to blame
            failures |= {outcome.job[0][0]: WORKER_DIED} if outcome.lost else outcome.result or {}
            bar.update(1)
    return failures


def _move(
    root: Path, bounds: Limits, out: Path, tiles: tuple[int, ...], maps: list[tuple[str, list[str]]]
) -> dict[str, str]:
    """Move some maps; location -> why it could not be."""
    failures = {}
    for location, names in maps:
        try:
            uv_map = read_uv_map(_archives(root, bounds), location)
            if uv_map.shape[0] != uv_map.shape[1]:
                raise ValueError(f"{location}: {uv_map.shape[1]} x {uv_map.shape[0]} texels, expected a square map")
        except ValueError as error:
            failures[location] = str(error)
            continue
        for tile, name in zip(tiles, names, strict=True):
            write_bytes(out / name, encode(_resampler(out, tile, len(uv_map))(uv_map), Path(name).suffix))
    return failures


def encode(picture: NDArray[np.uint8], suffix: str) -> bytes:
    """An RGB picture uint8 [S, S, 3] as ``.png``, or as ``.webp`` without loss."""
    if suffix == ".png":
        return encode_png(picture)
    lossless = [cv2.IMWRITE_WEBP_QUALITY, 101]
    written, content = cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), lossless)
    if not written:
        raise ValueError(f"{list(picture.shape)} pixels cannot be written as {suffix}")
    return content.tobytes()


def _coordinates(out: Path, tile: int) -> Path:
    return out / f"coordinates.{tile}.npz"


@once_a_run
def _resampler(out: Path, tile: int, source_size: int) -> Resampler:
    """Open in a worker as long as it lives."""
    cv2.setNumThreads(1)
    with np.load(_coordinates(out, tile)) as saved:
        found = Correspondence(tile, saved["place"], saved["inside"], int(saved["factor"]))
    return Resampler(found, source_size)


@once_a_run
def _archives(root: Path, bounds: Limits) -> Archives:
    return Archives(root, bounds)
