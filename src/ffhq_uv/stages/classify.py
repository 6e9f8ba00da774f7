"""classify: kept samples and their attributes -> data/categories.parquet and metrics/categories.json."""

from __future__ import annotations

import polars as pl

from ffhq_uv import config as settings
from ffhq_uv.config import Config
from ffhq_uv.quality.skin_tone import ita_class
from ffhq_uv.selection.balance import balance
from ffhq_uv.selection.classify import Bins, Values, classify
from ffhq_uv.stages import files

GENDER: dict[int | str | bool, str] = {0: "female", 1: "male"}
BEARD = ("no-beard", "beard")


def run(config: Config) -> None:
    """Sort the kept samples; show how many of each category and skin tone the filter let through."""
    section = config.classify
    axes = _axes(section)
    samples = _with_skin_tone(files.read_table(files.INDEX), files.read_table(files.MEASUREMENTS))
    passed = samples["id"].is_in(files.read_table(files.KEPT)["id"].implode())
    categories = classify(
        samples.filter(passed), axes, unknown=section.unknown, min_size=section.min_size, small=section.small
    )
    files.write_table(files.CATEGORIES, categories)

    sizes = categories.drop_nulls("category").group_by("category").len().sort("category")
    tones = balance(samples["skin_tone"], passed)
    metrics = {
        "categories": dict(sizes.iter_rows()),
        "classified": int(sizes["len"].sum()),
        "left_out": int(categories["category"].null_count()),
        "skin_tone_kept_share": dict(tones.select("group", "kept_share").iter_rows()),
    }
    files.write_metrics("categories", metrics)
    groups = classify(samples, axes, unknown="own")["fine"]
    table = pl.concat([balance(groups, passed), tones.with_columns(group="skin tone: " + pl.col("group"))])
    files.write_csv(files.PLOTS / "balance.csv", table)
    print(f"{metrics['classified']:,} samples in {len(sizes):,} categories, {metrics['left_out']:,} left out")


def _axes(section: settings.Classify) -> list[Bins | Values]:
    return [
        Values("gender", GENDER),
        Bins("age", section.age_edges),
        Bins("beard", section.beard_edges, BEARD if len(section.beard_edges) == 1 else None),
        *([Values("skin_tone")] if section.skin_tone else []),
    ]


def _with_skin_tone(samples: pl.DataFrame, measurements: pl.DataFrame) -> pl.DataFrame:
    """The samples with the name of their skin tone's class, null where it was not measured."""
    tones = {id: ita_class(angle) for id, angle in measurements.select("id", "skin_tone").drop_nulls().iter_rows()}
    return samples.with_columns(skin_tone=pl.col("id").replace_strict(tones, default=None, return_dtype=pl.String))
