"""Whether a published folder is what it says: read back from disk, and held against the run's own table."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq

from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.publish.croissant import RESPONSIBLE
from ffhq_uv.publish.shards import CODES, GROUP, Columns

SUMS = "SHA256SUMS"


class NotPublished(ValueError):
    """A published folder is not what it should be; the message says which file, and what is wrong."""


def validate(folder: Path, columns: Columns, ids: Sequence[str], map_size: int) -> list[str]:
    """Read a published folder back. What was checked, a line each; raises NotPublished for the first thing wrong."""
    shards = sorted((folder / "data").glob("*.parquet"))
    _samples(shards, columns, ids, map_size)
    _sums(folder)
    _croissant(folder)
    return [
        f"{len(ids):,} samples in {len(shards):,} shards, ids complete and in order, columns typed for `datasets`",
        "the first and the last row group of every shard: pictures open, codes are finite",
        f"{SUMS}: every file; croissant.json: sizes, checksums, {len(RESPONSIBLE)} Responsible-AI fields",
    ]


def _samples(shards: Sequence[Path], columns: Columns, ids: Sequence[str], map_size: int) -> None:
    found: list[str] = []
    for path in shards:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if not schema.equals(columns.schema("")) or b"huggingface" not in (schema.metadata or {}):
                raise NotPublished(f"{path}: its columns are not those that were to be written")
            found += file.read(["id"])["id"].to_pylist()
            for group in {0, file.num_row_groups - 1}:
                table = file.read_row_group(group, ["id", "image", "codes", *["mesh"] * columns.meshes])
                if len(table) > GROUP:
                    raise NotPublished(f"{path}: a row group of {len(table)} samples, expected at most {GROUP}")
                for row in table.to_pylist():
                    _sample(f"{path}, {row['id']}", row["image"]["bytes"], np.array(row["codes"], np.float32), map_size)
                    _mesh(f"{path}, {row['id']}", row.get("mesh"))
    if found != list(ids):
        raise NotPublished(f"{shards[0].parent}: {len(found)} samples, expected {len(ids)}, each once, sorted by id")


def _sample(name: str, image: bytes, codes: np.ndarray[tuple[int, ...], np.dtype[np.float32]], map_size: int) -> None:
    picture = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    if picture is None or picture.shape != (map_size, map_size, 3):
        raise NotPublished(f"{name}: its picture is no RGB map of {map_size} x {map_size} texels")
    if codes.shape != CODES or not np.isfinite(codes).all():
        raise NotPublished(f"{name}: its codes are not finite {list(CODES)}")


def _mesh(name: str, mesh: dict[str, bytes] | None) -> None:
    """A GLB says in its first twelve bytes what it is and how long."""
    content = b"" if mesh is None else mesh["bytes"]
    if mesh and content[:12] != struct.pack("<4sII", b"glTF", 2, len(content)):
        raise NotPublished(f"{name}: its mesh is no whole GLB")


def _sums(folder: Path) -> None:
    listed = dict(line.split("  ", 1)[::-1] for line in (folder / SUMS).read_text().splitlines())
    there = {path.relative_to(folder).as_posix() for path in published_files(folder)}
    if there != listed.keys():
        raise NotPublished(
            f"{folder / SUMS}: lists {sorted(listed.keys() ^ there)[0]} that is not there, or not listed"
        )
    for name, digest in listed.items():
        if sha256_of(folder / name) != digest:
            raise NotPublished(f"{folder / name}: its SHA-256 is not the one in {SUMS}")


def _croissant(folder: Path) -> None:
    path = folder / "croissant.json"
    described = json.loads(path.read_text())
    for file in described["distribution"]:
        if file["@type"] == "cr:FileObject":
            size = (folder / file["contentUrl"]).stat().st_size
            if file["contentSize"] != f"{size} B":
                raise NotPublished(f"{path}: {file['contentUrl']} has {size} bytes, not {file['contentSize']}")
            if f"{file['sha256']}  {file['contentUrl']}" not in (folder / SUMS).read_text():
                raise NotPublished(f"{path}: the SHA-256 of {file['contentUrl']} is not the one in {SUMS}")
    if missing := [name for name in RESPONSIBLE if described.get(name) in (None, "", [])]:
        raise NotPublished(f"{path}: says nothing for {', '.join(missing)}")


def published_files(folder: Path) -> list[Path]:
    """The files of a published folder that `SHA256SUMS` lists: all but itself, and those with a dot first."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SUMS)
    return [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
