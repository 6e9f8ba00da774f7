"""export: OBJ, MTL, PNG and GLB of heads: samples of either data set on fitted heads, or a UV map on the mean head."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator
from typing_extensions import Self

from ffhq_uv.archive.containers import Archives
from ffhq_uv.archive.latents import decode_latent
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.writing import encode_png, sample_files, write_bytes
from ffhq_uv.chain.heads import fitted_heads
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import VIEWS
from ffhq_uv.shards.progress import progress
from ffhq_uv.store import files
from ffhq_uv.store.limits import limits
from ffhq_uv.texture.compact_glb import compact_glb
from ffhq_uv.texture.export import glb_file, mtl_file, obj_file
from ffhq_uv.texture.eyeballs import find_eyeballs, painted, placed
from ffhq_uv.texture.mesh import Mesh, read_obj
from ffhq_uv.texture.normals import as_picture, object_normals
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.tools import transfer
from ffhq_uv.transfer.correspondence import padded
from ffhq_uv.transfer.resampling import Resampler


class Words(Declared):
    """What the tool is told."""

    sample: str | None = Field(None, description="ids of samples, with commas between, or all: on their fitted heads")
    map: Path | None = Field(None, description="PNG of any UV map, on the mean head")
    out: Path = Field(description="folder for the heads' files")
    data: Literal["ffhq-uv-interpolate", "ffhq-uv"] = Field(
        "ffhq-uv-interpolate",
        description="data set of the samples: ffhq-uv-interpolate, or ffhq-uv (of the archives, or normalised here)",
    )
    head: str | None = Field(None, description="id of the sample whose head it is, if not each sample's own")
    target: Path | None = Field(None, description="OBJ of another head, to which the maps are moved (see transfer)")
    layout: Path | None = Field(None, description="OBJ of target's triangles with the maps' UV coordinates")
    landmarks: Path | None = Field(None, description="68 landmarks of target, to be registered by")
    compact: bool = Field(False, description="only a GLB, a third as large: WebP texture, quantised (false)")
    normals: bool = Field(False, description="also an object-space normal map of the head, computed from it (false)")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.sample is None) == (self.map is None):
            raise ValueError("one of sample=ID and map=PNG is needed")
        if self.head is not None and (self.map is not None or self.target is not None):
            raise ValueError("head=ID goes with sample=ID, and not with target=")
        return self


@dataclass(frozen=True)
class Found:
    """A sample: its map's file as bytes, where that lies, and its codes [3, 18, 512]."""

    png: bytes
    place: str
    codes: NDArray[np.float32]


def run(words: Words, config: Config) -> None:
    """Write the heads and say where."""
    for line in export(words, config):
        print(line)


def export(words: Words, config: Config) -> Iterator[str]:
    """Write heads; a line for each: where it is, and whether it is the fitted one, or why not.

    Raises ConfigError where the studio is to read codes that are not its own.
    """
    put = _Writer(words)
    if words.map is not None:
        if not words.map.is_file():
            raise FileNotFoundError(f"{words.map}: no such UV map")
        yield put(words.map.stem, words.map.read_bytes(), str(words.map), None, None)
        return
    assert words.sample is not None
    samples = Samples(words.data, limits(config))
    ids = samples.ids() if words.sample == "all" else words.sample.split(",")
    head = None if words.head is None else _fitted(config, words.head, samples.find(words.head))
    with progress(len(ids), "export", "head") as bar:
        for id in ids:
            found = samples.find(id)
            if words.target is not None:
                yield put(id, found.png, found.place, None, None)
            else:
                vertices, reason = head or _fitted(config, id, found)
                yield put(id, found.png, found.place, vertices, reason or "")
            bar.update(1)


class Samples:
    """Samples of a data set: of one that was made here, or of the archives."""

    def __init__(self, data: str, bounds: Limits) -> None:
        self.made = _made(data)
        self.archives = Archives(self.made or files.ARCHIVES, bounds)

    def ids(self) -> list[str]:
        """Every sample's, sorted."""
        if self.made is not None:
            return sorted(path.stem for path in self.made.glob("uv-maps/*/*.png"))
        index = files.read_table(files.INDEX)
        return sorted(index.filter(index["uv_map"].is_not_null() & index["reason"].is_null())["id"].to_list())

    def find(self, id: str) -> Found:
        """A sample. Raises ConfigError for what is no id, FileNotFoundError for one that there is not."""
        if not (id.isdecimal() and len(id) == 6):
            raise ConfigError(f"sample={id}: expected six digits, such as sample=000000")
        if self.made is not None:
            texture = sample_files(Path(), id)[0]
            if not (self.made / texture).is_file():
                raise FileNotFoundError(
                    f"{self.made / texture}: no such sample; `dvc repro` makes the data set, map=PNG takes other maps, "
                    "data= the other data set's"
                )
            place = texture.as_posix()
            latents = [f"face-latents/{id[:3]}.zip!{id}/{id}_{view}_latent.pt" for view in VIEWS]
        else:
            index = files.read_table(files.INDEX)
            row = index.filter(index["id"] == id)
            if not len(row) or row["uv_map"][0] is None or row["latents"][0] is None:
                raise FileNotFoundError(f"{id}: no sample of data=ffhq-uv with a map and codes ({files.INDEX})")
            place, latents = row["uv_map"][0], row["latents"][0].to_list()
        codes = np.stack([decode_latent(self.archives.read(location), location) for location in latents])
        return Found(self.archives.read(place), place, codes)


def _made(data: str) -> Path | None:
    """The folder of a data set that was made here; None for FFHQ-UV as it was published (``normalise=off``)."""
    if data == files.INTERPOLATED.name:
        return files.INTERPOLATED
    return files.DATA_SET if files.NORMALISED_CODES.exists() else None


def _fitted(config: Config, id: str, found: Found) -> tuple[NDArray[np.float32] | None, str | None]:
    """Vertices [N, 3] of the head that the analysis fits to the front face; or None, and why there is none."""
    heads, reasons = fitted_heads(config, found.codes[None], [id])
    return heads[0], reasons[0]


class _Writer:
    """Writes heads to a folder: on the topology's mesh, or on another one to whose layout the maps are moved."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.mesh = load_mesh(files.TOPO_ASSETS) if words.target is None else read_obj(words.target, tiles=True)
        self.movers: dict[int, Mover] = {}

    def __call__(
        self, name: str, png: bytes, place: str, vertices: NDArray[np.float32] | None, reason: str | None
    ) -> str:
        """Write a head; where it is, in words. ``reason`` says why it is not the fitted one."""
        texture, mesh, out = read_png(png, place), self.mesh, self.words.out
        if self.words.target is not None:
            mover = self._mover(len(texture))
            mesh, texture = mover.mesh, mover(texture)
            png, shape = encode_png(texture), f"{self.words.target}"
        elif vertices is None:
            shape = "the mean head" + (f" ({reason})" if reason else "")
        else:
            mesh = Mesh(vertices, mesh.uv, mesh.triangles, mesh.triangles_uv)
            shape = "the fitted head" if self.words.head is None else f"the head of {self.words.head}"
        kinds = ".glb"
        if self.words.compact:
            write_bytes(out / f"{name}.glb", compact_glb(mesh, texture, name))
        else:
            kinds = ".obj, .mtl, .png and .glb"
            write_bytes(out / f"{name}.png", png)
            write_bytes(out / f"{name}.mtl", mtl_file(name))
            write_bytes(out / f"{name}.obj", obj_file(mesh, name))
            write_bytes(out / f"{name}.glb", glb_file(mesh, png, name))
        if self.words.normals:
            normals, inside = object_normals(mesh, len(texture))
            write_bytes(out / f"{name}_normals.png", encode_png(as_picture(padded(normals, inside))))
        return f"{out / name}{kinds}: {shape}"

    def _mover(self, size: int) -> Mover:
        """What moves maps of a size to the other head."""
        if size not in self.movers:
            told = {name: getattr(self.words, name) for name in ("target", "out", "layout", "landmarks")}
            moving = transfer.Words.model_validate(told | {"maps": self.words.out, "size": size})
            self.words.out.mkdir(parents=True, exist_ok=True)
            tiles, _, said = transfer.correspond(moving, size, self.words.out / transfer.PICTURE)
            if len(tiles) > 1:
                raise ConfigError(
                    f"target={self.words.target}: its layout has {len(tiles)} tiles with skin, a head here has one; "
                    "`transfer` writes a map a tile"
                )
            self.movers[size] = Mover(self.mesh, Resampler(tiles[0], size), size)
            print("\n".join([*said, *self.movers[size].said]))
        return self.movers[size]


class Mover:
    """Moves maps of a size to another head, and paints that head's eyeballs."""

    def __init__(self, target: Mesh, move: Resampler, size: int) -> None:
        """Look for the eyeballs, and for where they are in the map."""
        eyes = find_eyeballs(target)
        self.mesh, self._move = placed(target, eyes, size), move
        self._eyes, self._colours = painted(self.mesh, eyes, size)
        self.said = [f"{len(eyes)} eyeball{'s' * (len(eyes) > 1)}, painted: maps have none"] if self._eyes.any() else []

    def __call__(self, uv_map: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A map in the layout of the other head."""
        moved = self._move(uv_map)
        moved[self._eyes] = self._colours
        return moved
