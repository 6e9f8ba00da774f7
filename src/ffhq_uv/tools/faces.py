"""faces: draw the pictures of published face latents (``run_gen_face_from_latent.sh``)."""

from __future__ import annotations

import contextlib
import json
import re
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from pydantic import Field

from ffhq_uv.archive.containers import Archives, locations
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.writing import encode_png, remove_partial_files, write_bytes
from ffhq_uv.chain.build import build_generator, check_studio
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, StyleGAN2Generator
from ffhq_uv.generator import Generator
from ffhq_uv.shards.progress import progress
from ffhq_uv.store.files import write_json

FAILURES = "failures.json"
"""In the output folder, if there are any: location of the latent -> why it has no picture."""


class Words(Declared):
    """What the tool is told."""

    latents: Path = Field(description="folder, with or without zips, or one zip of W+ codes")
    out: Path = Field(description="folder for the pictures; those that are there stay")


def run(words: Words, config: Config) -> None:
    """Draw the faces and print how many."""
    check_studio(config.generator)
    batch = config.generator.batch if isinstance(config.generator, StyleGAN2Generator) else config.engine.shard
    summary = make_faces(words.latents, words.out, build_generator(config), batch)
    drawn = f"{summary.drawn:,} faces drawn by generator={config.generator.name}, {summary.found:,} were there"
    failed = f", {len(summary.failures):,} could not be drawn: {words.out / FAILURES}" if summary.failures else ""
    print(drawn + failed)


@dataclass(frozen=True)
class Summary:
    """What a run did.

    drawn       pictures written by this run
    found       pictures that an earlier run had written
    failures    location of a latent -> why it has no picture
    """

    drawn: int
    found: int
    failures: dict[str, str]


def make_faces(latents: Path, out: Path, generator: Generator, batch: int) -> Summary:
    """Draw every W+ code below ``latents`` (a folder, with or without zips, or one zip) into the mirrored layout.

    ``000/036481/036481_left_latent.pt`` becomes ``000/036481/036481_left.png``, with a chunk's zip standing for its
    folder; ``<name>.pt`` becomes ``<name>.png``. Pictures that are there stay, so an interrupted run goes on;
    ``batch`` codes are read at a time. What cannot be read or drawn is listed in the summary and in ``failures.json``.
    Raises FileNotFoundError, or ArchiveError for a zip that is damaged as a whole.
    """
    if not latents.exists():
        raise FileNotFoundError(f"{latents}: no such folder or zip of face latents")
    out.mkdir(parents=True, exist_ok=True)
    remove_partial_files(out)
    root, failures = latents if latents.is_dir() else latents.parent, {}
    pictures: dict[str, str] = {}
    for location in locations(latents, ".pt"):
        picture = _picture(location, latents)
        if picture in pictures:
            failures[location] = f"same picture as {pictures[picture]}"
        else:
            pictures[picture] = location
    todo = [(picture, location) for picture, location in pictures.items() if not (out / picture).exists()]
    drawn = 0
    with Archives(root) as archives, ThreadPoolExecutor(2) as pool, progress(len(todo), "faces", "face") as bar:
        writing: list[Future[None]] = []
        for start in range(0, len(todo), batch):
            codes = {}
            for picture, location in todo[start : start + batch]:
                try:
                    codes[picture, location] = decode_latent(archives.read(location), location)
                except ValueError as error:
                    failures[location] = str(error)
            if codes:
                stacked = torch.from_numpy(np.stack(list(codes.values())))[:, None]
                faces, reasons = generator(stacked, [location for _, location in codes])
                for future in writing:  # the previous batch was written while this one was drawn
                    future.result()
                writing = []
                for (picture, location), face, reason in zip(codes, faces.numpy(), reasons, strict=True):
                    if reason:
                        failures[location] = reason
                    else:
                        writing.append(pool.submit(_write, out / picture, face[0]))
                        drawn += 1
            bar.update(min(batch, len(todo) - start))
        for future in writing:
            future.result()
    if failures:
        write_json(out / FAILURES, dict(sorted(failures.items())))
    else:
        _remove_failures(out / FAILURES)
    return Summary(drawn, len(pictures) - len(todo), failures)


def _remove_failures(path: Path) -> None:
    """Remove the list of an earlier run, if it is one."""
    with contextlib.suppress(OSError, ValueError):
        listed = json.loads(path.read_text())
        if isinstance(listed, dict) and all(
            isinstance(reason, str) and ".pt" in name for name, reason in listed.items()
        ):
            path.unlink()


def _write(path: Path, face: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    write_bytes(path, encode_png(face))


def _picture(location: str, latents: Path) -> str:
    """Where the picture of a location goes, below the output folder."""
    archive, zipped, member = location.partition(".zip!")
    if not zipped:
        path = PurePosixPath(location)
    elif latents.is_dir() and PurePosixPath(member).parts[0] != PurePosixPath(archive).name:
        path = PurePosixPath(archive, member)
    else:
        path = PurePosixPath(archive).parent / member if latents.is_dir() else PurePosixPath(member)
    return path.with_name(re.sub(r"_latent$", "", path.name.split(".")[0]) + ".png").as_posix()
