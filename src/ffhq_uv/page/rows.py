"""The rows of the page: what the tables of the pipeline say of every sample, and the criteria that bound them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.archive.writing import sample_files
from ffhq_uv.config import Config
from ffhq_uv.page.data import Bound, Choice, Column, Criterion, DataSet, Group
from ffhq_uv.quality.tone_class import CLASSES, ita_class
from ffhq_uv.selection import filter
from ffhq_uv.store import files
from ffhq_uv.store.categories import categories

COLUMNS = (
    Column("bs_error", "BS error", "grey levels", 3),
    Column("bs_error_of_luma", "BS error", "% of mean luma", 3),
    Column("valid_area_ratio", "Valid area", "of the face", 4, "min"),
    Column("expression", "Expression", "0 is neutral", 3),
    Column("light", "Uneven light", "0 is even", 3),
    Column("skin_tone", "Skin tone", "ITA, degrees", 1),
    Column("age", "Age", "years", 1),
    Column("beard", "Beard", "0 to 1", 2),
    Column("smile", "Smile", "0 to 1", 2),
)
GENDERS = ("female", "male")
"""By the number that stands for each in the tables."""


@dataclass
class Rows:
    """A data set: its table, in the order of the page, and where its pictures are.

    table       id, reason, note, gender, category, and the measurements
    maps        of each row the location of its UV map below ``root``, or None
    codes       of each row its row of the stored codes, or the locations of its codes below ``root``
    files       of each row the names of its files
    parents     of each row its parents and their weights, where they are recorded
    detailed    rows whose head and faces are drawn
    """

    name: str
    label: str
    words: Mapping[str, str]
    table: pl.DataFrame
    root: Path
    maps: Sequence[str | None]
    codes: Sequence[int | Sequence[str]]
    files: Sequence[Sequence[str]]
    parents: Sequence[Sequence[tuple[str, float]]]
    detailed: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The samples' ids."""
        return self.table["id"].to_list()

    @property
    def failed(self) -> dict[int, str]:
        """Rows without measurements, and why."""
        return _present(self.table["reason"])

    def described(self, colours: NDArray[np.uint8]) -> DataSet:
        """What the page is told."""
        values = {
            column.name: self.table[column.name].cast(pl.Float64).fill_null(np.nan).to_numpy()
            for column in COLUMNS
            if column.name in self.table.columns and self.table[column.name].is_finite().any()
        }
        tones = self.table["skin_tone"].map_elements(ita_class, pl.String).to_list()
        categories = self.table["category"].to_list()
        genders = [None if gender is None else GENDERS[gender] for gender in self.table["gender"]]
        groups = [
            Group("category", "category", sorted({name for name in categories if name}), categories),
            Group("skin_tone", "skin tone", [name for _, name in CLASSES], tones),
            Group("gender", "gender", GENDERS, genders),
        ]
        notes = _present(self.table["note"])
        return DataSet(
            self.name, self.label, self.words, self.ids, values, groups, self.failed, notes, colours, self.detailed
        )


def _present(texts: Iterable[str | None]) -> dict[int, str]:
    return {row: text for row, text in enumerate(texts) if text is not None}


def source_rows() -> Rows:
    """The source's samples. Raises FileNotFoundError before the stage filter ran."""
    files.read_table(files.BOUNDS)
    index = files.read_table(files.SAMPLES).with_row_index("row").drop("reason")
    table = files.read_table(files.MEASUREMENTS).drop("identity").join(index, on="id", how="left")
    table = table.join(categories(), on="id", how="left").sort("id")
    paths = [
        [name for name in (uv_map, *(latents or ())) if name]
        for uv_map, latents in table.select("uv_map", "latents").iter_rows()
    ]
    words = {"kept": "kept", "dropped": "dropped"}
    maps = table["uv_map"].to_list()
    none: list[list[tuple[str, float]]] = [[] for _ in maps]
    return Rows("source", "Source", words, table, files.ARCHIVES, maps, table["row"].to_list(), paths, none)


def new_rows(config: Config) -> list[Rows]:
    """The new data set's samples, in a list; an empty one before the stage extract ran."""
    if not files.INTERPOLATED_MEASUREMENTS.exists():
        return []
    recipes = files.read_table(files.RECIPES)
    table = files.read_table(files.INTERPOLATED_MEASUREMENTS).drop("identity")
    table = table.join(recipes, on="id", how="left").sort("id")
    maps, paths, codes, parents = [], [], [], []
    recorded = config.interpolate.record_parents
    for id, others, weights in table.select("id", "parents", "weights").iter_rows():
        uv_map, *latents = (path.relative_to(files.INTERPOLATED) for path in sample_files(files.INTERPOLATED, id))
        there = (files.INTERPOLATED / uv_map).exists()
        zipped = [f"face-latents/{id[:3]}.zip!{id}/{path.name}" for path in latents if path.suffix == ".pt"]
        maps.append(uv_map.as_posix() if there else None)
        codes.append(zipped)
        paths.append([uv_map.as_posix(), *zipped] if there else [])
        parents.append(list(zip(others, weights, strict=True)) if recorded and others else [])
    words = {"kept": "within", "dropped": "beyond"}
    return [Rows("new", "New", words, table, files.INTERPOLATED, maps, codes, paths, parents)]


def criteria_of(table: pl.DataFrame, bounds: Iterable[filter.Criterion]) -> list[Criterion]:
    """The criteria that can be judged, with the run's bounds; one that is off starts where nine of ten pass.

    table    the measurements
    bounds   the run's criteria, resolved
    """
    found = {bound.name: bound for bound in bounds}

    def criterion(
        name: str,
        label: str,
        about: str,
        side: Literal["max", "min"],
        key: str,
        off: Sequence[str],
        on: Sequence[str],
        *offered: Choice,
    ) -> Criterion | None:
        choices = tuple(choice for choice in offered if table[choice.column].is_finite().any())
        if not choices:
            return None
        known = found.get(name)
        column = choices[0].column if known is None else known.column
        value = None if known is None else known.bound
        if value is None:
            passing = table[column].quantile(0.9 if side == "max" else 0.1, "nearest")
            value = round(float(passing or 0), next(known.digits for known in COLUMNS if known.name == column))
        return Criterion(
            name, label, about, side, key, tuple(off), tuple(on), choices, Bound(known is not None, column, value)
        )

    def nothing(name: str, side: str) -> list[str]:
        return [f"filter.{name}.{side}=null", f"filter.{name}.quantile=null"]

    normalise = "filter.bs_error.normalise"
    criteria = (
        criterion(
            "bs_error",
            "BS error",
            "How unevenly the map is lit: its halves, blurred, compared",
            "max",
            "filter.bs_error.max",
            nothing("bs_error", "max"),
            [],
            Choice("bs_error", "grey levels", f"{normalise}=none"),
            Choice("bs_error_of_luma", "% of mean luma", f"{normalise}=mean_luma"),
        ),
        criterion(
            "valid_area_ratio",
            "Valid area",
            "How much of the face some view shows, without hair over it",
            "min",
            "filter.valid_area_ratio.min",
            nothing("valid_area_ratio", "min"),
            [],
            Choice("valid_area_ratio", "of the face"),
        ),
        criterion(
            "expression",
            "Expression",
            "How far the face is from a neutral one",
            "max",
            "expression.neutral_max",
            ["filter.expression.neutral=false"],
            ["filter.expression.neutral=true"],
            Choice("expression", "0 is neutral"),
        ),
        criterion(
            "light",
            "Uneven light",
            "How uneven the light on the front face is found",
            "max",
            "filter.light.max",
            nothing("light", "max"),
            [],
            Choice("light", "0 is even"),
        ),
    )
    return [known for known in criteria if known is not None]
