"""classify: kept samples and their attributes -> data/categories.parquet and reports/classify.json;
plots/categories.csv says what became of every category, plots/balance.csv how much of it the filter let through.
"""

from __future__ import annotations

import polars as pl

from ffhq_uv.config import Config, sections
from ffhq_uv.quality.tone_class import ita_class
from ffhq_uv.selection.balance import balance
from ffhq_uv.selection.classify import Bins, Values, census, classify
from ffhq_uv.store import files

GENDER: dict[int | str | bool, str] = {0: "female", 1: "male"}
BEARD = ("no-beard", "beard")


def run(config: Config) -> None:
    """Sort the kept samples. The others are listed too, with the category that they would have begun in."""
    section = config.classify
    axes = axes_of(section)
    samples = _with_skin_tone(files.read_table(files.SAMPLES), files.read_table(files.MEASUREMENTS))
    passed = samples["id"].is_in(files.read_table(files.KEPT)["id"].implode())
    along = next((axis.column for axis in axes if isinstance(axis, Bins)), None)
    kept = classify(
        samples.filter(passed),
        axes,
        unknown=section.unknown,
        min_size=section.min_size,
        small=section.small if along else "drop",  # without bins, no category is near to another
        along=along or "age",
    )
    every = classify(samples, axes, unknown="own").select("id", "fine")
    dropped = every.filter(~passed).with_columns(
        category=pl.lit(None, pl.String), reason=pl.lit("dropped by the filter")
    )
    files.write_table(files.CATEGORIES, pl.concat([kept, dropped]).sort("id"))
    files.write_csv(files.PLOTS / "balance.csv", balance(every["fine"], passed).rename({"group": "category"}))
    files.write_csv(files.PLOTS / "categories.csv", census(kept))

    sizes: list[int] = kept.drop_nulls("category").group_by("category").len()["len"].to_list()
    unknown = kept["category"].is_null() & kept["fine"].is_null()
    metrics = {
        "categories": len(sizes),
        "smallest": min(sizes, default=0),
        "largest": max(sizes, default=0),
        "classified": sum(sizes),
        "merged": len(kept.filter(pl.col("fine") != pl.col("category"))),
        "left_out_unknown": int(unknown.sum()),
        "left_out_too_small": int(kept["category"].null_count() - unknown.sum()),
    }
    files.write_report("classify", metrics)
    left_out = len(kept) - metrics["classified"]
    print(f"{metrics['classified']:,} samples in {len(sizes):,} categories, {left_out:,} left out")


def axes_of(section: sections.Classify) -> list[Bins | Values]:
    """The axes that a configuration names, in the order of the categories' names."""
    age, beard = section.age_edges, section.beard_edges
    return [
        Values("gender", GENDER),
        *([Bins("age", age)] if age else []),
        *([Bins("beard", beard, BEARD if len(beard) == 1 else None)] if beard else []),
        *([Values("skin_tone")] if section.skin_tone else []),
        *(_named(axis) for axis in section.also),
    ]


def _named(axis: sections.Axis) -> Bins:
    """The bins of a further attribute, named after it: several axes may have numbers alike."""
    plain = Bins(axis.column, axis.edges)
    return Bins(axis.column, axis.edges, tuple(f"{axis.column}-{name}" for name in plain.places()))


def _with_skin_tone(samples: pl.DataFrame, measurements: pl.DataFrame) -> pl.DataFrame:
    """The samples with the name of their skin tone's class, null where it was not measured."""
    tones = {id: ita_class(angle) for id, angle in measurements.select("id", "skin_tone").drop_nulls().iter_rows()}
    return samples.with_columns(skin_tone=pl.col("id").replace_strict(tones, default=None, return_dtype=pl.String))
