"""A page of simulated people: any number of rows, maps of plain colours, and a head with a hole in its neck."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.page.data import DataSet, Group, described
from ffhq_uv.page.head import closed, holes, positions, topology
from ffhq_uv.page.rows import COLUMNS, GENDERS, criteria_of
from ffhq_uv.page.script import picture, script, webp
from ffhq_uv.page.site import site
from ffhq_uv.page.wall import PER_ATLAS, QUALITY, TILE, atlas
from ffhq_uv.quality.tone_class import CLASSES, ita_class
from ffhq_uv.selection.filter import Criterion

BOUNDS = (
    Criterion("bs_error", "bs_error", "max", 3.123456789),
    Criterion("valid_area_ratio", "valid_area_ratio", "min", 0.9),
    Criterion("expression", "expression", "max", 0.1),
)
"""What the run of the simulated people bounds."""

Mesh = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]


def measurements(rows: int, seed: int = 0, failed: int = 2) -> pl.DataFrame:
    """A table as ``measure`` writes it: some not measured, the last few failed, every fourth value on a 1/1000."""
    rng = np.random.default_rng(seed)
    luma = rng.uniform(60, 180, rows)
    values = {
        "bs_error": rng.gamma(4, 0.7, rows),
        "valid_area_ratio": 1 - rng.gamma(1, 0.03, rows).clip(0, 0.9),
        "expression": rng.gamma(0.5, 0.1, rows) * (rng.random(rows) < 0.4),
        "skin_tone": rng.normal(25, 30, rows),
    }
    values["bs_error_of_luma"] = 100 * values["bs_error"] / luma
    for column in values.values():
        column[::4] = column[::4].round(3)
    table = pl.DataFrame({"id": [f"{row:06d}" for row in range(rows)], **values}).with_columns(
        pl.when(pl.int_range(rows) == 1).then(None).otherwise("expression").alias("expression"),
        pl.when(pl.int_range(rows) >= rows - failed).then(pl.lit("error: <b>no face</b>")).alias("reason"),
        pl.lit(None, pl.String).alias("note"),
        pl.lit(None, pl.Float64).alias("light"),
    )
    fine = pl.col("reason").is_null()
    return table.with_columns(pl.when(fine).then(pl.col(name)).alias(name) for name in (*values, "light"))


def data_set(table: pl.DataFrame, name: str = "source", detailed: Sequence[int] = ()) -> DataSet:
    """The rows of a table as the page is told them."""
    rng = np.random.default_rng(1)
    rows = len(table)
    values = {
        column.name: table[column.name].fill_null(np.nan).to_numpy()
        for column in COLUMNS
        if column.name in table.columns and table[column.name].is_finite().any()
    }
    values["age"] = rng.integers(1, 90, rows).astype(float)
    tones = table["skin_tone"].map_elements(ita_class, pl.String).to_list()
    genders = [GENDERS[gender] for gender in rng.integers(0, 2, rows)]
    categories = [
        f"{gender}/{'over' if age > 40 else 'under'} 40" for gender, age in zip(genders, values["age"], strict=True)
    ]
    failed = {row: reason for row, reason in enumerate(table["reason"]) if reason}
    return DataSet(
        name,
        name.title(),
        {"kept": "kept", "dropped": "dropped"},
        table["id"].to_list(),
        values,
        [
            Group("category", "category", sorted(set(categories)), categories),
            Group("skin_tone", "skin tone", [tone for _, tone in CLASSES], tones),
            Group("gender", "gender", GENDERS, genders),
        ],
        failed,
        {0: "landmarks_guessed:left"},
        rng.integers(60, 220, (rows, 3)).astype(np.uint8),
        detailed,
    )


def sphere(rings: int = 12, columns: int = 16) -> Mesh:
    """A ball without its lowest part: vertices, UV coordinates, triangles and those of the UV coordinates."""
    angles = np.linspace(0.02, 2.6, rings)
    around = np.arange(columns + 1) / columns * 2 * np.pi
    v, u = np.meshgrid(angles, around, indexing="ij")
    points = np.stack([np.sin(v) * np.sin(u), np.cos(v), np.sin(v) * np.cos(u)], -1)[:, :-1]
    uv = np.stack([u / (2 * np.pi), 1 - v / np.pi], -1)
    corner = np.arange(rings * (columns + 1)).reshape(rings, -1)
    vertex = np.arange(rings)[:, None] * columns + np.arange(columns + 1) % columns

    def triangles(index: NDArray[np.int64]) -> NDArray[np.int64]:
        a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
        return np.stack([a, c, b, b, c, d], -1).reshape(-1, 3)

    return (
        points.reshape(-1, 3).astype(np.float32),
        uv.reshape(-1, 2).astype(np.float32),
        triangles(vertex),
        triangles(corner),
    )


def write_page(
    out: Path, sets: Sequence[DataSet], tables: Sequence[Any] = (), card: str | None = None, atlases: int = 10_000
) -> Path:
    """A page with atlases of plain colours, and samples' scripts where rows are detailed; returns its index.html.

    atlases    to draw; the others are links to these, as many files but not as many pictures
    """
    vertices, uv, triangles, triangles_uv = sphere()
    first = sets[0]
    frame = pl.DataFrame(
        {column.name: first.values.get(column.name, np.full(len(first.ids), np.nan)) for column in COLUMNS}
    )
    page, sent = described("simulated", sets, criteria_of(frame, BOUNDS), COLUMNS, tables, card)
    for name, content in site(page, sent, topology(triangles, triangles_uv, uv, len(vertices))):
        write(out / name, content)
    head = positions(closed(vertices, holes(triangles, triangles_uv)))
    for part in sets:
        for begin in range(0, len(part.ids), PER_ATLAS):
            tiles = [np.broadcast_to(colour, (TILE, TILE, 3)) for colour in part.colours[begin : begin + PER_ATLAS]]
            path = out / part.name / "atlas" / f"{begin // PER_ATLAS:05d}.webp"
            if begin // PER_ATLAS < atlases:
                write(path, webp(atlas(tiles), QUALITY))
            else:
                path.hardlink_to(path.with_name(f"{begin // PER_ATLAS % atlases:05d}.webp"))
        for row in part.detailed:
            flat = picture(np.broadcast_to(part.colours[row], (64, 64, 3)).copy(), 90)
            faces = [{"view": view, "picture": flat} for view in ("left", "front", "right")]
            address = f"{part.name}/samples/{row:06d}.js"
            value = {"address": address, "map": flat, "faces": faces, "head": head, "note": None}
            write(
                out / address, script("sample", value | {"facts": [["file", f"uv-maps/{part.ids[row]}.png"]]}).encode()
            )
    return out / "index.html"


def write(path: Path, content: bytes) -> None:
    """Write a file, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
