"""faces: draw the pictures of published face latents (``run_gen_face_from_latent.sh``)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.archive.containers import Archives, locations
from ffhq_uv.archive.latents import LAYERS
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.named import OF_CODES, named_codes
from ffhq_uv.archive.notes import passed_over
from ffhq_uv.archive.scanning import logical
from ffhq_uv.archive.writing import encode_png, remove_partial_files, write_bytes
from ffhq_uv.chain.build import build_generator, check_studio
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, StyleGAN2Generator
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.generator import Generator
from ffhq_uv.geometry import VIEWS
from ffhq_uv.shards.progress import progress
from ffhq_uv.store.files import write_json
from ffhq_uv.store.limits import limits

FAILURES = "failures.json"
"""In the output folder, if there are any: location of the latent -> why it has no picture."""
DRAWN = ".drawn.jsonl"
"""In the output folder, a line a picture: what it was drawn from and with."""


class Words(Declared):
    """What the tool is told."""

    latents: Path = Field(
        description="folder, zip, tar or file of W+ codes (.pt, .npy, .npz, .parquet), of codes, pack, publish too"
    )
    out: Path = Field(description="folder for the pictures; those that are there, of the same codes, stay")


def run(words: Words, config: Config) -> None:
    """Draw the faces and print how many. Raises ValueError if there is none in the end."""
    check_studio(config.generator)
    batch = config.generator.batch if isinstance(config.generator, StyleGAN2Generator) else config.engine.shard
    generator = build_generator(config)
    summary = make_faces(words.latents, words.out, generator, batch, drawn_with(config), limits(config))
    print(*passed_over(summary.passed_over), sep="\n", end="\n" if summary.passed_over else "")
    failed = len(summary.failures)
    if not summary.drawn + summary.found:
        why = f": {next(iter(summary.failures.values()))}" if failed else ""
        raise ValueError(f"{words.latents}: no face drawn of {failed:,} codes{why}")
    drawn = f"{summary.drawn:,} faces drawn by generator={config.generator.name}, {summary.found:,} were there"
    print(drawn + (f", {failed:,} could not be drawn: {words.out / FAILURES}" if failed else ""))


def drawn_with(config: Config) -> str:
    """Stands for all that a picture depends on beside its code: generator, checkpoint, noise."""
    section = config.generator.model_dump(mode="json", exclude={"device", "batch"})
    if isinstance(config.generator, StyleGAN2Generator):
        section["checkpoint"] = sha256_of(config.generator.checkpoint)
        section["seed"] = config.seed if config.generator.noise == "seed" else None
    return json.dumps(section, sort_keys=True)


@dataclass(frozen=True)
class Summary:
    """What a run did.

    drawn        pictures written by this run
    found        pictures that an earlier run had drawn of the same codes in the same way
    failures     location of a latent -> why it has no picture
    passed_over  files that are none of codes, and why
    """

    drawn: int
    found: int
    failures: dict[str, str]
    passed_over: dict[str, str]


@dataclass(frozen=True)
class Task:
    """A code float32 [L, 512] to draw: where it came from, its picture below the output folder, its record."""

    location: str
    picture: str
    code: NDArray[np.float32]
    record: str


def make_faces(
    latents: Path, out: Path, generator: Generator, batch: int, key: str = "", bounds: Limits = PUBLISHED
) -> Summary:
    """Draw every W+ code at ``latents`` (a folder with or without archives, an archive, or a file) into its layout.

    ``000/036481/036481_left_latent.pt`` becomes ``000/036481/036481_left.png``, with a chunk's zip standing for its
    folder; ``<name>.pt`` becomes ``<name>.png``, where the name ends at the first dot; a file of many codes becomes a
    folder ``<name>/`` of them by their numbers, or ids in a Parquet shard. Pictures that are there and were drawn of
    the same codes with the same ``key`` stay, so that an interrupted run goes on; those that were drawn otherwise are
    drawn again; ``batch`` codes are drawn at a time. What cannot be read or drawn is listed in the summary and in
    ``failures.json``.

    Raises FileNotFoundError, or ArchiveError for an archive that is damaged as a whole.
    """
    if not latents.exists():
        raise FileNotFoundError(f"{latents}: no such folder, archive or file of face latents")
    out.mkdir(parents=True, exist_ok=True)
    remove_partial_files(out)
    root, start = (latents, "") if latents.is_dir() else (latents.parent, latents.name)
    failures: dict[str, str] = {}
    notes: dict[str, str] = {}
    records = _records(out / DRAWN)
    drawn = found = 0
    with (
        Archives(root, bounds) as archives,
        ThreadPoolExecutor(2) as pool,
        progress(None, "faces", "face") as bar,
        (out / DRAWN).open("a") as journal,
    ):
        tasks = _tasks(archives, start, latents.is_dir(), key, failures, notes)
        while chunk := list(islice(tasks, batch)):
            todo = []
            for task in chunk:
                if not (out / task.picture).exists():
                    todo.append(task)
                elif task.picture not in records:
                    failures[task.location] = f"{out / task.picture} is there, and was not drawn by this tool; move it"
                elif records[task.picture] == task.record:
                    found += 1
                else:
                    (out / task.picture).unlink()  # of another code, or drawn in another way
                    todo.append(task)
            writing = []
            for task, face, reason in _drawn(generator, todo):
                if reason or face is None:
                    failures[task.location] = reason or "no face"
                    continue
                # The record first: a picture without one is not ours, and a record without a picture means nothing.
                journal.write(json.dumps({"picture": task.picture, "of": task.record}) + "\n")
                journal.flush()
                writing.append(pool.submit(_write, out / task.picture, face))
            for future in writing:
                future.result()
            drawn += len(writing)
            bar.update(len(chunk))
    if failures:
        write_json(out / FAILURES, dict(sorted(failures.items())))
    else:
        _remove_failures(out / FAILURES)
    return Summary(drawn, found, failures, notes)


def _remove_failures(path: Path) -> None:
    """Remove the list of an earlier run, if it is one."""
    with contextlib.suppress(OSError, ValueError):
        listed = json.loads(path.read_text())
        if isinstance(listed, dict) and all(isinstance(reason, str) for reason in listed.values()):
            path.unlink()


def _tasks(
    archives: Archives, start: str, folder: bool, key: str, failures: dict[str, str], notes: dict[str, str]
) -> Iterator[Task]:
    """Every code, each picture once; told is what cannot be read, and what is no file of codes."""
    pictures: dict[str, str] = {}
    for location in locations(archives.root, start, archives.limits, notes):
        if PurePosixPath(location).suffix.lower() not in OF_CODES:
            notes[location] = "no file of codes"
            continue
        picture = _picture(location, folder=folder)
        try:
            for names, codes in named_codes(archives, location):
                count, views = codes.shape[:2]
                for row, view in np.ndindex(count, views):
                    name = _named(picture, names[row] if names else None, VIEWS[view] if views > 1 else None)
                    where = f"{location}[{names[row] if names else row}, {view}]" if names or views > 1 else location
                    if name in pictures:
                        failures[where] = f"same picture as {pictures[name]}"
                        continue
                    pictures[name] = where
                    code = np.ascontiguousarray(codes[row, view])
                    record = hashlib.sha256(key.encode() + code.tobytes()).hexdigest()[:16]
                    yield Task(where, name, code, record)
        except ValueError as error:
            failures[location] = str(error)


def _drawn(generator: Generator, tasks: Sequence[Task]) -> Iterator[tuple[Task, NDArray[np.uint8] | None, str | None]]:
    """The faces uint8 [H, W, 3] of codes, or why there is none; codes of as many layers are drawn together."""
    layers = getattr(generator, "layers", LAYERS)
    shapes: dict[int, list[Task]] = {}
    for task in tasks:
        shapes.setdefault(len(task.code), []).append(task)
    for alike in shapes.values():
        codes = np.stack([task.code for task in alike])
        if codes.shape[1] == 1:  # W
            codes = np.repeat(codes, layers, axis=1)
        try:
            faces, reasons = generator(torch.from_numpy(codes)[:, None], [task.location for task in alike])
        except ValueError as error:  # codes of another network
            yield from ((task, None, str(error)) for task in alike)
            continue
        for task, face, reason in zip(alike, faces.numpy(), reasons, strict=True):
            yield task, face[0], reason


def _records(path: Path) -> dict[str, str]:
    """What pictures were drawn of, by picture."""
    records = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # the last one may be torn
            entry = json.loads(line)
            records[entry["picture"]] = entry["of"]
    return records


def _write(path: Path, face: NDArray[np.uint8]) -> None:
    write_bytes(path, encode_png(face))


def _picture(location: str, *, folder: bool) -> str:
    """Where the picture of a location goes, below the output folder.

    folder  whether a folder is drawn, in which archives stand for folders; else an archive's or file's content alone
    """
    names = logical(location).split("/") if folder else re.split("[/!]", location)
    if not folder and len(names) > 1:
        names = names[1:]
    stem, _, rest = names[-1].partition(".")
    view = rest.split(".")[0]
    stem = f"{stem}_{view}" if view in VIEWS else re.sub(r"_latent$", "", stem, flags=re.I)
    return "/".join([*names[:-1], f"{stem}.png"])


def _named(picture: str, name: str | None, view: str | None) -> str:
    """The picture of one code of a file with many: by its number or id, and its view."""
    path = PurePosixPath(picture)
    if name is None:
        return picture if view is None else str(path.with_name(f"{path.stem}_{view}.png"))
    return str(path.with_suffix("") / (f"{name}.png" if view is None else f"{name}/{name}_{view}.png"))
