"""Who gets through: the share of every group that a step keeps, and how sure that share is."""

from __future__ import annotations

from statistics import NormalDist

import polars as pl


def balance(groups: pl.Series, kept: pl.Series, *, level: float = 0.95) -> pl.DataFrame:
    """Counts before and after a step, a row a group, sorted by group.

    groups    str [n], the group of every sample (a category, a skin-tone class); null is a group, "unknown"
    kept      bool [n]

    Returns group; before, after (samples); kept_share (0..1) with its Wilson interval low, high at confidence
    ``level``: the shares of small groups scatter, and a difference inside the intervals is not yet a bias.
    """
    counted = (
        pl.DataFrame({"group": groups.cast(pl.String).fill_null("unknown"), "kept": kept})
        .group_by("group")
        .agg(pl.len().cast(pl.Int64).alias("before"), pl.col("kept").sum().cast(pl.Int64).alias("after"))
        .sort("group")
    )
    z = NormalDist().inv_cdf((1 + level) / 2)
    n, share = pl.col("before"), pl.col("after") / pl.col("before")
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt()
    return counted.with_columns(
        share.alias("kept_share"),
        (middle - half).clip(0, 1).alias("low"),
        (middle + half).clip(0, 1).alias("high"),
    )
