"""How often a new sample looks like the category whose people were mixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from ffhq_uv.selection.classify import Bins, Values, classify


def categories_held(
    detected: pl.DataFrame, mixed: pl.DataFrame, axes: Sequence[Bins | Values], merged: pl.DataFrame
) -> dict[str, Any]:
    """Shares 0..1 of the samples of which everything was told that look like their category, and like each attribute.

    detected   id, and the axes' columns as they were told of the new faces
    mixed      id, category, and the axes' columns as the parents' mean; those that it lacks are not compared
    axes       of the categories
    merged     fine, category: what fine categories became

    Returns
    told         samples of which every axis was told, of ``samples``
    held         share of them that look like their category
    by_axis      the same of single axes: in the same bin as the mean
    by_category  the same of the samples of each category
    """
    labels = detected.select("id", *(axis.labels(detected[axis.column]).alias(axis.column) for axis in axes))
    told = labels.drop_nulls()
    fine = classify(detected, axes, unknown="own").select("id", "fine").join(merged, on="fine", how="left")
    seen = pl.coalesce("category", "fine")
    table = (
        told.select("id")
        .join(fine.select("id", seen=seen), on="id", how="left", maintain_order="left")
        .join(mixed, on="id", how="left", maintain_order="left")
        .with_columns(held=pl.col("seen") == pl.col("category"))
    )
    by_axis = {}
    for axis in axes:
        if axis.column in mixed.columns:
            same = axis.labels(table[axis.column]) == told[axis.column]
            by_axis[axis.column] = same.mean()
    by_category = table.group_by("category").agg(pl.col("held").mean()).sort("category")
    return {
        "samples": len(detected),
        "told": len(told),
        "held": table["held"].mean(),
        "by_axis": by_axis,
        "by_category": dict(by_category.iter_rows()),
    }
