"""Where the ingredients of recipes are: parents among the stored codes, categories among the mean codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.store import files
from ffhq_uv.store.codes import Codes


@dataclass(frozen=True)
class Ingredients:
    """Samples and categories by their places.

    rows      row of the stored codes, by a sample's id
    groups    row of the mean codes, by a category's name
    homes     int64 [n], the group of every row of the stored codes; -1: it has no category
    """

    rows: dict[str, int]
    groups: dict[str, int]
    homes: NDArray[np.int64]

    @classmethod
    def read(cls) -> Ingredients:
        """Those of the recipes on disk. Raises FileNotFoundError before the stage classify ran."""
        ids = files.read_table(files.SAMPLES)["id"]
        members = files.read_table(files.CATEGORIES).select("id", "category").drop_nulls()
        groups = {name: group for group, name in enumerate(members["category"].unique().sort())}
        home = dict(members.iter_rows())
        homes = [groups[home[id]] if id in home else -1 for id in ids]
        return cls({id: row for row, id in enumerate(ids)}, groups, np.array(homes, np.int64))

    def of(self, recipes: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The parents' rows int64 [k, P] and the groups int64 [k] of some recipes."""
        rows = [[self.rows[parent] for parent in parents] for parents in recipes["parents"]]
        return np.array(rows, np.int64), np.array([self.groups[name] for name in recipes["category"]], np.int64)

    def means(self, codes: Codes) -> Codes:
        """The mean code of every group, float32 [c, ...], of the stored codes."""
        from ffhq_uv.selection.mix import category_means  # here: it takes numba, and few runs need means

        return category_means(codes, self.homes, len(self.groups))
