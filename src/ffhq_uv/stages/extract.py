"""extract: recipes -> data/ffhq-uv-interpolate in the published layout, and its measurements."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ffhq_uv.archive.writing import normalised_attributes, write_face_latents, write_meta_info, write_uv_map
from ffhq_uv.config import Config
from ffhq_uv.engine import local_map
from ffhq_uv.selection.mix import category_means, mix
from ffhq_uv.stages import files
from ffhq_uv.stages.chain import SCHEMA, build
from ffhq_uv.stages.failures import check_failures
from ffhq_uv.stages.picture import contact_sheet
from ffhq_uv.stages.progress import progress

SHOWN = 4
"""Samples on the contact sheet."""


@dataclass(frozen=True)
class Mixer:
    """Mixes the codes of recipes.

    rows       the row of every parent in the codes
    means      mean code float32 [3, 18, 512] of every category; empty where the method does not need them
    """

    method: Literal["linear", "variance_preserving"]
    rows: dict[str, int]
    means: dict[str, NDArray[np.float32]]

    def __call__(self, recipes: pl.DataFrame) -> NDArray[np.float32]:
        """The codes of recipes, float32 [k, 3, 18, 512]."""
        codes = np.load(files.SAMPLE_CODES, mmap_mode="r")
        rows = np.array([[self.rows[parent] for parent in parents] for parents in recipes["parents"]])
        weights = np.array(recipes["weights"].to_list(), np.float32)
        if self.method == "linear":
            return mix(codes, rows, weights)
        names = sorted(self.means)
        groups = np.array([names.index(category) for category in recipes["category"]])
        return mix(
            codes,
            rows,
            weights,
            method=self.method,
            means=np.stack([self.means[name] for name in names]),
            groups=groups,
        )


def run(config: Config) -> None:
    """Make every new sample; one that fails keeps its row of measurements, with the reason, and has no map."""
    recipes = files.read_table(files.RECIPES)
    mixer = _mixer(config)
    rows: list[dict[str, Any]] = []
    with files.replacing_directory(files.INTERPOLATED) as out:
        make = partial(_make, config, mixer, out)
        with progress(len(recipes), "extract") as bar:
            for samples in local_map(make, recipes.iter_slices(config.engine.shard), config.engine.workers):
                rows += samples
                bar.update(len(samples))
        measurements = pl.DataFrame(rows, SCHEMA)
        check_failures(measurements["reason"], config.failures.max_share, "extract")
        made = recipes.join(measurements.filter(pl.col("reason").is_null()), on="id", how="semi")
        write_meta_info(out / "meta-info.json", _meta_info(made, config.interpolate.record_parents))
    files.write_table(files.INTERPOLATED_MEASUREMENTS, measurements)
    _picture(config, mixer, made.head(SHOWN))


def _mixer(config: Config) -> Mixer:
    codes = np.load(files.SAMPLE_CODES, mmap_mode="r")
    rows = {id: row for row, id in enumerate(files.read_table(files.INDEX)["id"])}
    means = {}
    if config.interpolate.method == "variance_preserving":
        members = files.read_table(files.CATEGORIES).drop_nulls("category")
        names = members["category"].unique().sort()
        groups = np.full(len(codes), -1)
        groups[[rows[id] for id in members["id"]]] = members["category"].replace_strict(names, range(len(names)))
        means = dict(zip(names, category_means(codes, groups, len(names)), strict=True))
    return Mixer(config.interpolate.method, rows, means)


def _make(config: Config, mixer: Mixer, out: Path, recipes: pl.DataFrame) -> list[dict[str, Any]]:
    """Make a shard's samples, write their maps and codes below ``out``, return their rows of measurements."""
    codes, ids = mixer(recipes), recipes["id"].to_list()
    samples = build(config).samples(torch.from_numpy(codes), ids, [None] * len(ids))
    people = recipes.select("gender", "beard", "age").iter_rows()
    for sample, code, (gender, beard, age) in zip(samples, codes, people, strict=True):
        if sample.texture is not None:
            write_uv_map(out, sample.id, sample.texture)
            write_face_latents(out, sample.id, code, normalised_attributes(gender, beard, age))
    return [sample.row() for sample in samples]


def _meta_info(made: pl.DataFrame, with_parents: bool) -> dict[str, dict[str, Any]]:
    """``meta-info.json`` of the samples made. They are nobody in FFHQ, so their index there is null."""
    records = {}
    for row in made.iter_rows(named=True):
        record = {"Age": row["age"], "Beard": row["beard"], "Gender": row["gender"], "Index-in-FFHQ": None}
        if with_parents:
            record |= {"Parents": row["parents"], "Weights": row["weights"]}
        records[row["id"]] = record
    return records


def _picture(config: Config, mixer: Mixer, recipes: pl.DataFrame) -> None:
    samples = build(config).samples(torch.from_numpy(mixer(recipes)), recipes["id"].to_list(), [None] * len(recipes))
    rows = [[*sample.faces, sample.texture] for sample in samples if sample.faces is not None]
    contact_sheet(files.PLOTS / "samples.png", rows)
