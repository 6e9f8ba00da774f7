"""interpolate: categories -> data/recipes.parquet, who is mixed with whom, and reports/interpolate.json."""

from __future__ import annotations

import polars as pl

from ffhq_uv.config import Config
from ffhq_uv.selection.interpolate import allocate, interpolate
from ffhq_uv.store import files


def run(config: Config) -> None:
    """Share the new samples out among the categories and draw their parents and weights, and spares for the gate."""
    section = config.interpolate
    attributes = files.read_table(files.SAMPLES).select("id", "gender", "age", "beard")
    members = files.read_table(files.CATEGORIES).select("id", "category").join(attributes, on="id", how="left")
    shares = allocate(members, section.count, how=section.allocation, parents=section.parents)
    recipes = interpolate(
        members,
        shares,
        seed=config.seed,
        parents=section.parents,
        weights=section.weights,
        beta=section.beta,
        concentration=section.concentration,
        spare=section.gate.spare if section.gate.enabled else 0,
    )
    files.write_table(files.RECIPES, recipes)

    used = shares.filter(pl.col("recipes") > 0)
    metrics = {
        "recipes": section.count,
        "spare": len(recipes) - section.count,
        "categories": len(used),
        "categories_too_small": len(shares) - len(used),
        "parents": recipes["parents"].explode().n_unique(),
        "pairs_available": int(used["pairs"].sum()),
    }
    files.write_report("interpolate", metrics)
    print(f"{section.count:,} recipes in {len(used):,} categories, from {metrics['parents']:,} parents")
