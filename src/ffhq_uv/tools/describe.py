"""describe: say what the faces of pictures look like, and which are alike, as a table.

A row a picture: apparent age, gender, beard and smile with their sources, pose, light, the nearest faces by identity;
or the reason why it has none. All are guesses about appearance. Of drawn faces (the tool `faces`) it tells the
attributes anew, where those of mixed people are otherwise averages of their parents'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from pydantic import Field

from ffhq_uv.attributes.appearance import NOTE, Describer
from ffhq_uv.attributes.pose import pose
from ffhq_uv.chain.describers import Choice, build_describer
from ffhq_uv.chain.pictures import Picture, find_pictures
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.formats import packaged
from ffhq_uv.formats.photographs import read_photograph
from ffhq_uv.inversion.faces import FaceFinder
from ffhq_uv.quality.dlib_encoder import DlibFaceEncoder
from ffhq_uv.quality.dpr_light import COEFFICIENTS, DprLight, uneven_light
from ffhq_uv.shards.progress import progress
from ffhq_uv.store.files import write_csv, write_table
from ffhq_uv.store.limits import limits


class Words(Declared):
    """What the tool is told."""

    images: Path = Field(description="folder, zip, list of paths (.txt) or one picture")
    out: Path = Field(description="table to write: .csv or .parquet")
    attributes: Choice = Field("networks", description="who tells them: networks, recorded or none")
    recorded: Path | None = Field(None, description="folder of <id>.json or <id>.pkl, for attributes=recorded")
    light: Path | None = Field(None, description="DPR's trained_model_03.t7 (default: that of checkpoints/, if there)")
    landmarks: Path | None = Field(None, description="dlib's 68 landmarks of your own (default: the package's)")
    neighbours: int = Field(0, ge=0, description="so many of the nearest other faces, by dlib's network")


def run(words: Words, config: Config) -> None:
    """Write the table and print how many faces it tells of."""
    if words.out.suffix not in (".csv", ".parquet"):
        raise ConfigError(f"{words.out}: expected a name that ends in .csv or .parquet")
    pictures = find_pictures(words.images)
    own = words.landmarks
    finder = FaceFinder(
        packaged.LANDMARKS_68.checked() if own is None else own,
        None if packaged.FACE_DETECTOR.located() is None else packaged.FACE_DETECTOR.checked(),
    )
    describer = build_describer(words.attributes, config.checkpoints, words.recorded, "cpu", limits(config))
    path = words.light or config.checkpoints / "dpr_model/trained_model_03.t7"
    light = DprLight(path, "cpu") if words.light is not None or path.is_file() else None
    encoder = DlibFaceEncoder(packaged.FACE_RECOGNISER.checked()) if words.neighbours else None
    rows: list[dict[str, Any]] = []
    vectors: dict[int, NDArray[np.float32]] = {}
    with progress(len(pictures), "describe", "picture") as bar:
        for number, picture in enumerate(pictures):
            row, vector = describe(picture, finder, describer, light, encoder)
            rows.append(row)
            if vector is not None:
                vectors[number] = vector
            bar.update(1)
    if encoder is not None:
        add_neighbours(rows, vectors, words.neighbours)
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(note=pl.lit(NOTE))
    write_csv(words.out, table) if words.out.suffix == ".csv" else write_table(words.out, table)
    found = table["reason"].null_count()
    print(f"{words.out}: {found:,} of {len(table):,} pictures described; guesses about appearance, not facts")


def describe(
    picture: Picture, find: FaceFinder, tell: Describer, light: DprLight | None, encoder: DlibFaceEncoder | None
) -> tuple[dict[str, Any], NDArray[np.float32] | None]:
    """A picture's row, and its identity where it is asked for."""
    row: dict[str, Any] = {"picture": picture.name, "reason": None}
    try:
        pixels = read_photograph(picture.read(), picture.name)
    except (OSError, ValueError) as error:
        return row | {"reason": f"unreadable: {error}"}, None
    face = find(pixels)
    if face is None:
        return row | {"reason": "no_face: by either detector"}, None
    told = tell(pixels, face.landmarks, picture.stem)
    yaw, pitch = pose(face.landmarks, *pixels.shape[:2])
    row |= {"faces": face.faces, "detector": face.detector, **told.values(), "yaw": yaw, "pitch": pitch}
    row |= {f"{name}_by": by for name, by in told.sources().items()}
    fronts = torch.from_numpy(pixels)[None]
    if light is not None:
        found = light(fronts)
        row |= {f"light_{name}": float(value) for name, value in zip(COEFFICIENTS, found[0], strict=True)}
        row["uneven_light"] = float(uneven_light(found)[0])
    return row, None if encoder is None else encoder(fronts, [face.landmarks])[0].numpy()


def add_neighbours(rows: list[dict[str, Any]], vectors: dict[int, NDArray[np.float32]], count: int) -> None:
    """Write to each row its nearest other faces, as ``name (distance)``; below 0.6 dlib takes two for one person."""
    numbers = list(vectors)
    every = np.stack([vectors[number] for number in numbers]) if numbers else np.zeros((0, 128), np.float32)
    for number in numbers:
        distances = np.linalg.norm(every - vectors[number], axis=1)
        nearest = [at for at in np.argsort(distances, kind="stable") if numbers[at] != number][:count]
        rows[number]["nearest"] = "; ".join(f"{rows[numbers[at]]['picture']} ({distances[at]:.3f})" for at in nearest)
