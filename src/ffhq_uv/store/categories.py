"""The source's samples by category."""

from __future__ import annotations

import polars as pl

from ffhq_uv.store import files


def categories() -> pl.DataFrame:
    """id and category of the source's samples, also of those dropped where theirs exists; nothing before `classify`."""
    if not files.CATEGORIES.exists():
        return pl.DataFrame(schema={"id": pl.String, "category": pl.String})
    table = files.read_table(files.CATEGORIES)
    merged = table.drop_nulls("category").select("fine", "category").unique()
    return table.select("id", "fine").join(merged, on="fine").select("id", "category")
