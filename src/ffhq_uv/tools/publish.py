"""publish: a data set for others to load, cite and trust: Parquet shards, data card, Croissant, checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.writing import METADATA, remove_partial_files, sample_files, write_bytes
from ffhq_uv.chain.heads import fitted_heads
from ffhq_uv.chain.metadata import metadata
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.engine import Engine
from ffhq_uv.engine.serial import SERIAL
from ffhq_uv.engine.worker import call
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.yaml_text import read_yaml
from ffhq_uv.geometry import VIEWS
from ffhq_uv.once import once_a_run
from ffhq_uv.publish.card import card
from ffhq_uv.publish.citation import citation
from ffhq_uv.publish.croissant import File, croissant
from ffhq_uv.publish.facts import Facts
from ffhq_uv.shards.engines import build_engine
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.provenance import begin_run
from ffhq_uv.store import files
from ffhq_uv.store.categories import categories
from ffhq_uv.store.limits import limits
from ffhq_uv.texture.compact_glb import compact_glb
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.tools.transfer import encode

if TYPE_CHECKING:  # pyarrow is an extra: imported when a data set is published
    from ffhq_uv.publish.shards import Columns, Sample

PLAIN = {
    "gender": ("int64", "1 male, 0 female"),
    "age": ("double", "years"),
    "beard": ("double", "0..1"),
    "category": ("string", "by gender, age and beard; null: too few were alike"),
    "skin_tone": ("double", "ITA of the map, degrees: higher is lighter"),
    "skin_tone_class": ("string", "the ITA's class"),
    "bs_error": ("double", "brightness asymmetry of the map, grey levels"),
    "bs_error_of_luma": ("double", "the same in per cent of the map's mean luma"),
    "valid_area_ratio": ("double", "share of the face's texels that the faces showed, 0..1"),
    "expression": ("double", "0 is neutral"),
    "light": ("double", "how uneven the light on the front face is, 0 is even; null: not estimated"),
    "note": ("string", "what to know of the sample, or null"),
}
"""Columns beside id, image and codes: type and meaning."""

MIXED = {
    "age": ("double", "years, the parents' weighted mean"),
    "beard": ("double", "0..1, the parents' weighted mean"),
    "category": ("string", "the category whose people were mixed"),
}
"""What these mean where people are mixtures."""

MEANINGS = {
    "id": ("string", "six digits"),
    "image": ("image", "the UV map, RGB"),
    "codes": ("list", "W+ codes of the left, front and right face, float32 [3, 18, 512]"),
}
HEADS: dict[bool | str, dict[str, tuple[str, str]]] = {
    False: {},
    True: {
        "head": ("list", "vertices of the head fitted to the front face, float16 [N, 3], about 10 cm a unit; NaN: none")
    },
    "glb": {"mesh": ("mesh", "the head fitted to the front face with the map on it, GLB; null: none")},
}
"""Columns of heads, by what is asked for."""
REPORTS = ("quality", "filter", "categories", "extract")
NAMES = {files.INTERPOLATED: "FFHQ-UV-Interpolate", files.DATA_SET: "FFHQ-UV"}
"""What the data sets are called, by where they lie."""


class Words(Declared):
    """What the tool is told."""

    out: Path = Field(description="folder for the data set; shards that are there and whole stay")
    data: Literal["ffhq-uv-interpolate", "ffhq-uv"] = Field(
        "ffhq-uv-interpolate",
        description="data set: ffhq-uv-interpolate, or ffhq-uv, where it was made from photographs (normalise)",
    )
    maps: Literal["png", "webp"] = Field("png", description="png, as they are, or webp without loss: a quarter smaller")
    heads: bool | Literal["glb"] = Field(
        False, description="also each sample's fitted head: true, its vertices; glb, a mesh with the map (false)"
    )

    @property
    def root(self) -> Path:
        """Where the data set lies."""
        return files.INTERPOLATED if self.data == files.INTERPOLATED.name else files.DATA_SET


def run(words: Words, config: Config) -> None:
    """Publish, say what was written and checked, and how to upload it."""
    if find_spec("pyarrow") is None:
        raise ConfigError("publish needs the package pyarrow: pip install -e '.[publish]'")
    for line in publish(words, config):
        print(line)


def publish(words: Words, config: Config) -> list[str]:
    """Write the data set to a folder, or what is missing of it, and read it back; what was done, in words.

    Raises FileNotFoundError before its stage ran, NotPublished where the folder does not hold what it should.
    """
    from ffhq_uv.publish.shards import Columns
    from ffhq_uv.publish.validation import SUMS, published_files, validate

    table = published_rows(words.root)
    first = sample_files(words.root, table["id"][0])[0]
    map_size = len(read_png(first.read_bytes(), str(first)))
    heads = len(load_mesh(files.TOPO_ASSETS).vertices) if words.heads is True else None
    columns = Columns({name: type for name, (type, _) in PLAIN.items()}, heads, meshes=words.heads == "glb")
    facts = gather(words.root, config, len(table), map_size, columns.heads)
    words.out.mkdir(parents=True, exist_ok=True)
    remove_partial_files(words.out)
    made, there = _shards(words, config, table, columns)
    shards = [File(f"data/{path.name}", path.stat().st_size, sha256_of(path)) for path in made]
    meanings = MEANINGS | PLAIN | (MIXED if facts.interpolated else {}) | HEADS[words.heads]
    described = croissant(facts, shards, meanings)
    _write(words.out / "README.md", card(facts, meanings))
    _write(words.out / "croissant.json", json.dumps(described, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    _write(words.out / "CITATION.cff", citation(facts))
    known = {file.path: file.sha256 for file in shards}
    sums = [(path.relative_to(words.out).as_posix(), path) for path in published_files(words.out)]
    _write(words.out / SUMS, "".join(f"{known.get(name) or sha256_of(path)}  {name}\n" for name, path in sums))
    checked = validate(words.out, columns, table["id"].to_list(), map_size)
    return [
        f"{words.out}: {facts.title}, {len(table):,} samples in {len(shards):,} shards ({there:,} were there)",
        *(f"checked: {line}" for line in checked),
        f"to upload it: hf upload YOUR_NAME/{facts.name.lower()} {words.out} . --repo-type dataset",
    ]


def published_rows(root: Path) -> pl.DataFrame:
    """id and `PLAIN` of every sample of a data set that was made, by id.

    Raises FileNotFoundError before its stage ran, ConfigError for FFHQ-UV where the run took it as it was published.
    """
    return _normalised_rows() if root == files.DATA_SET else _interpolated_rows()


def _normalised_rows() -> pl.DataFrame:
    samples, measurements = files.read_table(files.SAMPLES), files.read_table(files.MEASUREMENTS)
    if not files.NORMALISED_CODES.exists():
        raise ConfigError(
            "data=ffhq-uv: this run took FFHQ-UV as it was published; normalise=published makes it from photographs"
        )
    measured = measurements.filter(pl.col("reason").is_null())
    made = samples.join(measured, on="id", how="semi").join(categories(), on="id", how="left")
    return metadata(made, measured).select("id", *PLAIN)


def _interpolated_rows() -> pl.DataFrame:
    described = files.INTERPOLATED / METADATA
    if not described.exists():
        raise FileNotFoundError(f"{described}: not there yet; `dvc repro` makes it")
    types = {"string": pl.String, "int64": pl.Int64, "double": pl.Float64}
    table = pl.read_ndjson(
        described, schema={"id": pl.String} | {name: types[type] for name, (type, _) in PLAIN.items()}
    )
    if not len(table):
        raise ValueError(f"{described}: no sample in it")
    return table.sort("id")


def gather(root: Path, config: Config, samples: int, map_size: int, heads: int | None) -> Facts:
    """The run's facts: parameters and files out of dvc.lock where DVC recorded them, else the configuration."""
    lock = read_yaml(Path("dvc.lock"))["stages"] if Path("dvc.lock").exists() else {}
    parameters = config.model_dump(mode="json", by_alias=True)
    for stage in lock.values():
        for name, value in stage.get("params", {}).get("params.yaml", {}).items():
            _put(parameters, name.split("."), value)
    for local in ("engine", "shard", "pull", "failures", "limits", "checkpoints"):  # where it ran, not what it made
        parameters.pop(local, None)
    sources = json.loads(files.MANIFEST.read_text())["files"] if files.MANIFEST.exists() else []
    reports = {name: files.REPORTS / f"{name}.json" for name in REPORTS}
    return Facts(
        name=NAMES[root],
        interpolated=root == files.INTERPOLATED,
        studio=parameters["source"]["name"] == "studio",
        samples=samples,
        map_size=map_size,
        heads=heads,
        parameters=parameters,
        made_by={
            stage: written
            for stage, found in lock.items()
            if (written := {o["path"]: o["md5"] for o in found.get("outs", []) if o["path"].startswith("data/")})
        },
        sources=[{key: file[key] for key in ("path", "bytes", "sha256")} for file in sources],
        reports={name: json.loads(path.read_text()) for name, path in reports.items() if path.exists()},
    )


def _put(values: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def _shards(words: Words, config: Config, table: pl.DataFrame, columns: Columns) -> tuple[list[Path], int]:
    """The shards' files, made where they are not there yet; and how many were."""
    from ffhq_uv.publish.shards import is_made, shard_name, shard_sizes

    folder = words.out / "data"
    folder.mkdir(exist_ok=True)
    sizes = [sample_files(words.root, id)[0].stat().st_size for id in table["id"]]
    counts = shard_sizes(len(table), sum(sizes) + len(table) * np.float32().nbytes * 3 * 18 * 512)
    jobs, start, there = [], 0, 0
    paths = [folder / shard_name(shard, len(counts)) for shard in range(len(counts))]
    for stale in set(folder.iterdir()) - set(paths):
        stale.unlink()
    for path, count in zip(paths, counts, strict=True):
        rows = table[start : start + count].to_dicts()
        key = _key(words, config, rows, sizes[start : start + count])
        start += count
        if is_made(path, key):
            there += 1
        else:
            jobs.append((path.resolve(), key, rows))
    job = partial(call, begin_run(config), partial(_make, words, config, columns))
    engine = build_engine(config.engine) if len(jobs) > 1 else Engine(SERIAL)
    with engine as workers, progress(len(table), "publish") as bar:
        bar.update(len(table) - sum(len(rows) for *_, rows in jobs))
        for outcome in workers.outcomes(job, jobs):
            if outcome.lost:
                raise RuntimeError(f"{outcome.job[0]}: its worker died every time (out of memory?); run it again")
            bar.update(len(outcome.job[2]))
    return paths, there


def _key(words: Words, config: Config, rows: Sequence[dict[str, Any]], sizes: Sequence[int]) -> str:
    """Stands for what a shard is made from. A map's measurements, to the last digit, stand for its texels."""
    depends: list[Any] = [words.maps, words.heads, list(rows), list(sizes)]
    if words.heads:
        depends.append(config.model_dump(mode="json", include={"seed", "generator", "analysis"}))
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _make(words: Words, config: Config, columns: Columns, job: tuple[Path, str, Sequence[dict[str, Any]]]) -> None:
    """Write a shard, in a worker."""
    from ffhq_uv.publish.shards import write_shard

    path, key, rows = job
    with files.replacing(path) as half:
        write_shard(half, columns, key, rows, partial(_read, words, config), suffix=f".{words.maps}")


def _read(words: Words, config: Config, rows: Sequence[dict[str, Any]]) -> list[Sample]:
    """Some samples out of the data set."""
    from ffhq_uv.publish.shards import Sample

    ids = [row["id"] for row in rows]
    archives = _archives(words.root.resolve(), limits(config))
    codes = np.stack([_codes(archives, id) for id in ids])
    heads = fitted_heads(config, codes, ids)[0] if words.heads else [None] * len(ids)
    return [
        Sample(_image(words, id), code, **_head(words, id, head))
        for id, code, head in zip(ids, codes, heads, strict=True)
    ]


def _head(words: Words, id: str, vertices: NDArray[np.float32] | None) -> dict[str, Any]:
    """A sample's head as a column has it."""
    if vertices is None:
        return {}
    if words.heads is True:
        return {"head": vertices.astype(np.float16)}
    path, mean = sample_files(words.root, id)[0], load_mesh(files.TOPO_ASSETS)
    mesh = Mesh(vertices, mean.uv, mean.triangles, mean.triangles_uv)
    return {"mesh": compact_glb(mesh, read_png(path.read_bytes(), str(path)), id)}


def _image(words: Words, id: str) -> bytes:
    path = sample_files(words.root, id)[0]
    png = path.read_bytes()
    if words.maps == "png":
        return png
    cv2.setNumThreads(1)
    return encode(read_png(png, str(path)), ".webp")


def _codes(archives: Archives, id: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """The codes [3, 18, 512] of a sample."""
    locations = [f"face-latents/{id[:3]}.zip!{id}/{id}_{view}_latent.pt" for view in VIEWS]
    return np.stack([decode_latent(archives.read(location), location) for location in locations])


@once_a_run
def _archives(root: Path, bounds: Limits) -> Archives:
    """Opened once a process: a zip's list of members takes a while."""
    return Archives(root, bounds)


def _write(path: Path, text: str) -> None:
    write_bytes(path, text.encode())
