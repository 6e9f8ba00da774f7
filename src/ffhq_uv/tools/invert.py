"""invert: make a project folder of photographs: their codes, inversions, lights and attributes, as published.

The folder's latents/, inversions/, lights/ and attributes/ are what FFHQ-UV's first two steps write. Every picture has
a row in the folder's pictures.csv, with its id, or the reason why it has none of these files. A picture that has its
row is not done again, unless it or the settings changed. What attributes/ tells are guesses about appearance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field

from ffhq_uv.archive.writing import (
    encode_attributes,
    encode_latent,
    encode_light,
    encode_png,
    remove_partial_files,
    write_bytes,
)
from ffhq_uv.attributes.appearance import NOTE
from ffhq_uv.chain.describers import Choice
from ffhq_uv.chain.inverter import Inverted, Inverter, Of, Settings
from ffhq_uv.chain.pictures import Picture, find_pictures
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.engine.worker import call
from ffhq_uv.inversion.faces import Which
from ffhq_uv.once import once_a_run
from ffhq_uv.shards.engines import build_engine
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.provenance import begin_run
from ffhq_uv.store.files import write_csv
from ffhq_uv.store.limits import limits

TABLE = "pictures.csv"
ROWS = ".rows"
"""Folder of what is finished: a JSON a picture, written after its files."""
BATCH = 8
"""Pictures that a worker takes at once."""
OWN_IDS = range(70_000, 100_000)
"""Ids of pictures whose names are none: five digits, above FFHQ's."""
ERROR = "error: "
"""How reasons begin that are of the moment: such a picture is tried again."""
SCHEMA = {
    "picture": pl.String, "id": pl.String, "reason": pl.String, "faces": pl.Int64, "detector": pl.String,
    "note": pl.String,
}  # fmt: skip


class Words(Declared):
    """What the tool is told."""

    images: Path = Field(description="folder, zip, list of paths (.txt) or one picture")
    out: Path = Field(description="project folder to write; what is finished there stays")
    encoder: Path | None = Field(None, description="e4e_ffhq_encode.pt (default: checkpoints/e4e_model/)")
    light: Path | None = Field(None, description="DPR's trained_model_03.t7 (default: checkpoints/dpr_model/)")
    landmarks: Path | None = Field(None, description="dlib's 68 landmarks of your own (default: the package's)")
    faces: Which = Field("largest", description="of several faces: largest, or last as upstream")
    attributes: Choice = Field("networks", description="who tells them: networks, recorded or none")
    recorded: Path | None = Field(None, description="folder of <id>.json or <id>.pkl, for attributes=recorded")
    of: Of = Field("inversion", description="whose attributes: the inversion's, as upstream, or the photograph's")
    device: str = Field("cpu", description="where the networks run: cpu, cuda")


@dataclass(frozen=True)
class Job:
    """Pictures that a worker takes at once, each with its id and the key of what it is made from."""

    pictures: tuple[tuple[str, str, Picture], ...]


def run(words: Words, config: Config) -> None:
    """Invert the pictures and print how many."""
    checkpoints = config.checkpoints
    settings = Settings(
        encoder=words.encoder or checkpoints / "e4e_model/e4e_ffhq_encode.pt",
        light=words.light or checkpoints / "dpr_model/trained_model_03.t7",
        checkpoints=checkpoints,
        bounds=limits(config),
        **words.model_dump(include={"landmarks", "faces", "attributes", "recorded", "of", "device"}),
    )
    for path in (settings.encoder, settings.light):
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such checkpoint; it is part of the published checkpoints/")
    table = invert(words.images, words.out, settings, config)
    done, failed = table.filter(pl.col("reason").is_null()), table.filter(pl.col("reason").is_not_null())
    print(f"{words.out}: {len(done):,} of {len(table):,} pictures inverted, {len(failed):,} with a reason in {TABLE}")
    for picture, reason in failed.select("picture", "reason").head(10).iter_rows():
        print(f"  {picture}: {reason}")


def invert(images: Path, out: Path, settings: Settings, config: Config) -> pl.DataFrame:
    """Write the project folder; the table of its pictures, in their order. See `SCHEMA`."""
    pictures = find_pictures(images)
    (out / ROWS).mkdir(parents=True, exist_ok=True)
    remove_partial_files(out)
    finished = {row["picture"]: row for path in sorted((out / ROWS).glob("*.json")) if (row := _row(path))}
    ids = _ids(pictures, finished)
    todo = list(_unfinished(pictures, ids, finished, settings))
    jobs = [Job(tuple(todo[start : start + BATCH])) for start in range(0, len(todo), BATCH)]
    make = partial(call, begin_run(config), partial(_invert_some, out.resolve(), settings))
    with build_engine(config.engine) as engine, progress(len(pictures), "invert", "picture") as bar:
        bar.update(len(pictures) - len(todo))
        while jobs:
            lost: list[tuple[str, str, Picture]] = []
            for outcome in engine.outcomes(make, jobs):
                lost += outcome.job.pictures if outcome.lost else ()
                bar.update(0 if outcome.lost else len(outcome.job.pictures))
            if len(jobs) == len(lost):  # alone, and its worker died again
                for id, key, picture in lost:
                    _finish(out, id, key, picture, Inverted(f"{ERROR}its worker died (out of memory?)", {}))
                break
            jobs = [Job((one,)) for one in lost]
    rows = [_row(out / ROWS / f"{ids[picture.name]}.json") for picture in pictures]
    table = pl.DataFrame([{**row, "note": NOTE} for row in rows if row], SCHEMA)
    write_csv(out / TABLE, table)
    return table


@once_a_run
def inverter(settings: Settings) -> Inverter:
    """The networks, loaded once a process."""
    return Inverter(settings)


def _ids(pictures: Sequence[Picture], finished: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Of each picture its id: what it had before, its name if that is one of FFHQ's (five digits), or a new one."""
    ids = {picture.name: finished[picture.name]["id"] for picture in pictures if picture.name in finished}
    taken = {row["id"] for row in finished.values()}
    for picture in pictures:
        stem = picture.stem
        if picture.name not in ids and stem.isascii() and stem.isdigit() and len(stem) == 5 and stem not in taken:
            ids[picture.name] = stem
            taken.add(stem)
    new = (str(number) for number in OWN_IDS if str(number) not in taken)
    for picture in pictures:
        if picture.name not in ids:
            if (free := next(new, None)) is None:
                raise ConfigError(f"more than {len(OWN_IDS):,} pictures without an id of five digits; split them")
            ids[picture.name] = free
    return ids


def _unfinished(
    pictures: Sequence[Picture], ids: dict[str, str], finished: dict[str, dict[str, Any]], settings: Settings
) -> Iterator[tuple[str, str, Picture]]:
    """The pictures that have no row yet of their content and these settings."""
    told = json.dumps([str(value) for name, value in vars(settings).items() if name != "bounds"]).encode()
    for picture in pictures:
        try:
            content = picture.read()
        except (OSError, ValueError):
            content = b""  # the worker will say why
        key = hashlib.sha256(told + content).hexdigest()
        row = finished.get(picture.name)
        if row is None or row["key"] != key or (row["reason"] or "").startswith(ERROR):
            yield ids[picture.name], key, picture


def _invert_some(out: Path, settings: Settings, job: Job) -> int:
    """A worker's job: invert pictures, write their files, then their rows."""
    read = []
    for id, key, picture in job.pictures:
        try:
            read.append((id, key, picture, picture.read()))
        except (OSError, ValueError) as error:
            _finish(out, id, key, picture, Inverted(f"unreadable: {error}", {}))
    found = _together(inverter(settings), [(id, picture.name, data) for id, _, picture, data in read])
    for (id, key, picture, _), inverted in zip(read, found, strict=True):
        _finish(out, id, key, picture, inverted)
    return len(job.pictures)


def _together(invert: Inverter, pictures: list[tuple[str, str, bytes]]) -> list[Inverted]:
    """What becomes of pictures: all at once, and where that fails, one by one."""
    try:
        return invert(pictures)
    except (RuntimeError, ValueError, MemoryError) as error:
        if len(pictures) == 1:
            return [Inverted(f"{ERROR}{type(error).__name__}: {error}", {})]
    return [inverted for picture in pictures for inverted in _together(invert, [picture])]


def _finish(out: Path, id: str, key: str, picture: Picture, found: Inverted) -> None:
    """Write a picture's files, or take away those of an earlier version of it; then its row."""
    files = {
        out / "latents" / f"{id}.pt": None if found.code is None else encode_latent(found.code),
        out / "inversions" / f"{id}.png": None if found.inversion is None else encode_png(found.inversion),
        out / "lights" / f"{id}.npy": None if found.light is None else encode_light(found.light),
        out / "attributes" / f"{id}.json": None if found.attributes is None else encode_attributes(found.attributes),
    }
    for path, content in files.items():
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_bytes(path, content)
    row = {"picture": picture.name, "id": id, "reason": found.reason, "key": key, **found.about}
    write_bytes(out / ROWS / f"{id}.json", json.dumps(row).encode())


def _row(path: Path) -> dict[str, Any] | None:
    """A row that is whole; None for anything else."""
    try:
        row = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    good = isinstance(row, dict) and {"picture", "id", "reason", "key"} <= row.keys()
    return row if good and row["id"] == path.stem else None
