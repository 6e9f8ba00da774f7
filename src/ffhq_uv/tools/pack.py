"""pack: the new data set as tars of 1,000 samples (WebDataset), for a DVC remote or to be read in sequence."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.scanning import scan
from ffhq_uv.archive.writing import METADATA, write_tar
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config
from ffhq_uv.geometry import VIEWS
from ffhq_uv.shards.progress import progress
from ffhq_uv.store import files
from ffhq_uv.store.limits import limits

CHUNK = 1000
"""Samples a tar."""


class Words(Declared):
    """What the tool is told."""

    out: Path = Field(description="folder for the tars")


def run(words: Words, config: Config) -> None:
    """Pack, and say what was packed."""
    print(pack(words.out, limits(config)))


def pack(out: Path, bounds: Limits = PUBLISHED) -> str:
    """Write ``ffhq-uv-interpolate-<chunk>.tar`` files to a folder; what was packed, in words.

    Of every sample, in the order of ids: ``<id>.png`` (the map), ``<id>.json`` (its record of metadata.jsonl), and
    ``<id>.codes.npy``, float32 [3, 18, 512]: what WebDataset and Hugging Face decode, without a pickle. The same data
    set gives the same bytes. Raises FileNotFoundError before the stage extract ran.
    """
    described = files.INTERPOLATED / METADATA
    if not described.exists():
        raise FileNotFoundError(f"{described}: not there yet; `dvc repro` makes it")
    records = {record["id"]: record for record in map(json.loads, described.read_text().splitlines())}
    ids = sorted(records)
    found = {(member.id, member.view): member.location for member in scan(files.INTERPOLATED, limits=bounds)}
    with Archives(files.INTERPOLATED, bounds) as archives, progress(len(ids), "pack") as bar:
        for start in range(0, len(ids), CHUNK):
            part = ids[start : start + CHUNK]
            path = out / f"{files.INTERPOLATED.name}-{start // CHUNK:05d}.tar"
            write_tar(path, _members(archives, found, records, part))
            bar.update(len(part))
    return f"{len(ids):,} samples in {-(-len(ids) // CHUNK):,} tars in {out}"


def _members(
    archives: Archives, found: dict[tuple[str, str | None], str], records: dict[str, Any], ids: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    for id in ids:
        yield f"{id}.png", archives.read(found[id, None])
        record = {name: value for name, value in records[id].items() if name != "file_name"}
        yield f"{id}.json", json.dumps(record, sort_keys=True).encode()
        codes = [decode_latent(archives.read(found[id, view]), found[id, view]) for view in VIEWS]
        yield f"{id}.codes.npy", _npy(np.stack(codes))


def _npy(array: NDArray[np.float32]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array.astype("<f4"), (1, 0), allow_pickle=False)
    return buffer.getvalue()
