"""``codes out=FILE.npy``: the codes of the new samples, mixed by their recipes; no face is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ffhq_uv.config import Config
from ffhq_uv.selection.mix import Codes, category_means, mix
from ffhq_uv.stages import files
from ffhq_uv.stages.codes import stored, write
from ffhq_uv.stages.progress import progress


def write_new_codes(config: Config, out: Path) -> tuple[int, ...]:
    """Write the codes of every recipe but the spare ones, in their order, in the form that the source's have.

    Returns the shape, [n, 26, 512] or [n, 3, 18, 512]. Raises FileNotFoundError before the stage interpolate ran.
    """
    recipes = files.read_table(files.RECIPES).filter(~pl.col("spare"))
    categories = files.read_table(files.CATEGORIES).select("id", "category")
    people = files.read_table(files.INDEX).select("id").join(categories, on="id", how="left", maintain_order="left")
    names = categories["category"].drop_nulls().unique().sort()
    row = dict(people.select("id", pl.int_range(pl.len())).iter_rows())
    group = {name: number for number, name in enumerate(names)}

    rows = np.array([[row[id] for id in parents] for parents in recipes["parents"]])
    weights = np.array(recipes["weights"].to_list(), np.float32)
    groups = np.array([group[name] for name in recipes["category"]])
    codes, method, means = stored(files.SAMPLE_CODES), config.interpolate.method, None
    if method == "variance_preserving":
        means = category_means(codes, np.array([group.get(name, -1) for name in people["category"]]), len(names))

    shape = (len(recipes), *codes.shape[1:])
    with progress(len(recipes), "codes") as bar, files.replacing(out) as partial:

        def fill(batch: slice, block: Codes) -> None:
            mix(codes, rows[batch], weights[batch], method=method, means=means, groups=groups[batch], out=block)
            bar.update(len(block))

        write(partial, shape, fill)
    return shape
