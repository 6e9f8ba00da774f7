"""New samples in place of those that turned out badly: spare recipes of their categories, in their order."""

from __future__ import annotations

import polars as pl


def replace_lost(spares: pl.DataFrame, lost: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The spare recipes to make next, and those that are then left; both in the order of the spares.

    spares    recipes not yet made: category, and any other columns
    lost      str [n], the category of every sample to replace

    A category whose spares are used up gets fewer than it lost: others do not stand in for it. What is drawn depends
    on how many samples every category lost, not on when or by whom they were made.
    """
    counts = lost.alias("category").value_counts(name="lost")
    place = pl.int_range(pl.len()).over("category")
    drawn = spares.join(counts, on="category", how="left", maintain_order="left").select(
        place < pl.col("lost").fill_null(0)
    )
    chosen = drawn.to_series()
    return spares.filter(chosen), spares.filter(~chosen)
