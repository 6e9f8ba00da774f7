"""evaluate: the measurements of both data sets -> the quality table: metrics/, a file a row, and plots/quality.png.

With intervals and encoder it is in reports/quality.json, by category and skin tone in plots/quality_by_category.csv;
reports/categories.json and plots/balance.png say who is left after the filter and after interpolation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.config import Config
from ffhq_uv.figures.balance import draw_balance
from ffhq_uv.figures.quality import draw_quality
from ffhq_uv.figures.table import INVERTED, PICTURES, beneath, markdown, table_rows
from ffhq_uv.quality.identity_std import identity_std, identity_std_bootstrap
from ffhq_uv.quality.interval import mean_interval
from ffhq_uv.quality.tone_class import ita_class, lightest_first
from ffhq_uv.selection.balance import balance
from ffhq_uv.selection.held import categories_held
from ffhq_uv.stages.classify import axes_of
from ffhq_uv.store import files

INTERVAL = (0.025, 0.975)
"""Quantiles of the bootstrap between which a figure lies with 95 % confidence."""

Spread = tuple[float, NDArray[np.float64]]
"""An ID std and its bootstrap figures."""


def run(config: Config) -> None:
    """Compare the data sets. ID std is given in per cent of the reference's, if there is a reference."""
    source, new = _measured(files.MEASUREMENTS), _measured(files.INTERPOLATED_MEASUREMENTS)
    kept = source.join(files.read_table(files.KEPT), on="id", how="semi")
    people = _measured(files.REFERENCE)
    check_encoder(source, new, people)
    reference = _spread(people, config.seed)
    quality: dict[str, Any] = {
        "encoder": config.identity.name,
        "reference": {"of": PICTURES if config.source.reference_images else INVERTED}
        | _row(people, reference, reference, config.seed),
        "ffhq_uv": _row(source, _spread(source, config.seed), reference, config.seed),
        "kept": _row(kept, _spread(kept, config.seed), reference, config.seed),
        "ffhq_uv_interpolate": _row(new, _spread(new, config.seed), reference, config.seed),
    }
    if textures := _textures(files.read_table(files.TEXTURE_TRUTH)):
        quality["textures"] = textures
    if "detected_gender" in new.columns:
        quality["redetected"] = _redetected(config, new)
    files.write_report("quality", quality)
    rows = table_rows(quality)
    for data_set, row in rows.items():
        files.write_metrics(data_set, row)
    began = _began_in()
    parts = {"ffhq_uv": (source, began), "kept": (kept, began), "ffhq_uv_interpolate": (new, _recipes())}
    spread = None if reference is None else reference[0]
    groups = [part for name, (table, of) in parts.items() for part in _by_group(name, table, of, spread)]
    files.write_csv(files.PLOTS / "quality_by_category.csv", pl.concat(groups))
    draw_quality(quality)
    balances = {
        "category": _balance(source, kept, new, began, _recipes()),
        "skin_tone": _balance(source, kept, new, _tones(source), _tones(new)).sort(lightest_first("group")),
    }
    files.write_report("categories", {by: _counts(table) for by, table in balances.items()})
    draw_balance(balances)
    print(markdown(rows), beneath(quality), sep="\n")


def check_encoder(*tables: pl.DataFrame) -> None:
    """Raise RuntimeError where data sets were embedded by different encoders: their spreads cannot be compared."""
    if len(lengths := {len(table["identity"][0]) for table in tables if len(table)}) > 1:
        raise RuntimeError(
            f"identities of {' and '.join(map(str, sorted(lengths)))} numbers: the data sets were measured with "
            "different encoders (identity=); run measure and extract again, with one"
        )


def _row(
    measured: pl.DataFrame, spread: Spread | None, reference: Spread | None, seed: int
) -> dict[str, float | int | None]:
    """A data set's figures; those that it does not have are left out. BS error in grey levels."""
    row: dict[str, float | int | None] = {"samples": len(measured)}
    if spread is not None and reference is not None:
        low, high = np.quantile(100 * spread[1] / reference[1], INTERVAL)
        row |= {"id_std": spread[0], "id_std_percent": 100 * spread[0] / reference[0]}
        row |= {"id_std_percent_low": float(low), "id_std_percent_high": float(high)}
    if len(errors := measured["bs_error"].drop_nulls()):
        low, high = mean_interval(errors, seed)
        row |= {"bs_error": float(np.mean(errors.to_numpy())), "bs_error_low": low, "bs_error_high": high}
        row |= {"valid_area_ratio": float(np.mean(measured["valid_area_ratio"].to_numpy()))}
    return row


def _textures(truth: pl.DataFrame) -> dict[str, dict[str, float | int]]:
    """Means of each method's figures against the true maps, refined fits apart; none where nobody knows these."""
    found = {}
    good = truth.filter(pl.col("reason").is_null())
    for (method, refine), part in good.group_by("method", "refine", maintain_order=True):
        figures = part.select("psnr", "ssim", "coverage", "seam").mean().row(0, named=True)
        found[f"{method}" if refine == "none" else f"{method}, refined"] = {"samples": len(part), **figures}
    return found


def _redetected(config: Config, new: pl.DataFrame) -> dict[str, Any]:
    """How often new faces look like their category, by whom ``attributes`` names."""
    told = {name.removeprefix("detected_"): name for name in new.columns if name.startswith("detected_")}
    tones = new["skin_tone"].map_elements(ita_class, pl.String)
    detected = new.select("id", **told, neutral=pl.lit(None, pl.Float64)).with_columns(skin_tone=tones)
    merged = files.read_table(files.CATEGORIES).drop_nulls("category").select("fine", "category").unique()
    mixed = files.read_table(files.RECIPES).select("id", "category", "gender", "age", "beard")
    found = categories_held(detected, mixed, axes_of(config.classify), merged)
    years = detected.join(mixed, on="id", suffix="_mixed").select((pl.col("age") - pl.col("age_mixed")).abs().median())
    return {"by": config.attributes.by, **found, "age_off_median_years": years.item()}


def _spread(measured: pl.DataFrame, seed: int) -> Spread | None:
    """The spread of a data set's identities; None for fewer than two samples."""
    if len(measured) < 2:
        return None
    embeddings = _embeddings(measured)
    return identity_std(embeddings), identity_std_bootstrap(embeddings, seed)


def _embeddings(measured: pl.DataFrame) -> NDArray[np.float32]:
    """The identities of samples, float32 [n, D]."""
    column = measured["identity"]
    found: NDArray[np.float32] = column.explode().to_numpy().reshape(len(measured), -1)
    return found


def _by_group(
    data_set: str, measured: pl.DataFrame, categories: pl.DataFrame, reference: float | None
) -> list[pl.DataFrame]:
    """A row a category and a row a skin tone: data_set, by, group, samples, share (0..1), id_std_percent, bs_error.

    categories    id, group
    reference     ID std of the reference; without one, and of a single sample, the ID std is null
    """
    groupings = {"category": categories, "skin tone": _tones(measured)}
    tables = []
    for by, groups in groupings.items():
        joined = measured.join(groups.drop_nulls("group"), on="id").partition_by("group", as_dict=True)
        rows = []
        for (group,), members in sorted(joined.items()):
            spread = identity_std(_embeddings(members)) if reference and len(members) > 1 else None
            percent = None if spread is None or reference is None else 100 * spread / reference
            share = len(members) / len(measured)
            rows.append((data_set, by, group, len(members), share, percent, members["bs_error"].mean()))
        tables.append(pl.DataFrame(rows, BY_GROUP, orient="row"))
    return tables


BY_GROUP = {
    "data_set": pl.String,
    "by": pl.String,
    "group": pl.String,
    "samples": pl.Int64,
    "share": pl.Float64,
    "id_std_percent": pl.Float64,
    "bs_error": pl.Float64,
}


def _balance(
    source: pl.DataFrame, kept: pl.DataFrame, new: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame
) -> pl.DataFrame:
    """What `balance` says of the filter, a row a group, and ``made``, the new samples of the group.

    before, after    id, group: of the source's samples and of the new ones
    """
    groups = source.select("id").join(before, on="id", how="left", maintain_order="left")["group"].fill_null("none")
    made = new.join(after, on="id").group_by("group").agg(pl.len().cast(pl.Int64).alias("made"))
    filtered = balance(groups, source["id"].is_in(kept["id"].implode()))
    return (
        filtered.join(made, on="group", how="full", coalesce=True)
        .with_columns(pl.col("before", "after", "made").fill_null(0))
        .sort("group")
    )


def _counts(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Of every group: its samples in the source, how many of them the filter keeps, and how many new ones are made."""
    names = {"before": "source", "after": "kept", "kept_share": "kept_share", "made": "made"}
    return {row["group"]: {name: row[key] for key, name in names.items()} for row in table.iter_rows(named=True)}


def _tones(measured: pl.DataFrame) -> pl.DataFrame:
    """id and group: the class of each sample's skin tone, null where it was not measured."""
    return measured.select("id", pl.col("skin_tone").map_elements(ita_class, pl.String).alias("group"))


def _began_in() -> pl.DataFrame:
    """id and group, its category, of the source's samples, also of those dropped by the filter where theirs exists."""
    table = files.read_table(files.CATEGORIES)
    merged = table.drop_nulls("category").select("fine", group="category").unique()
    return table.select("id", "fine").join(merged, on="fine").select("id", "group")


def _recipes() -> pl.DataFrame:
    """id and group, its category, of the new samples."""
    return files.read_table(files.RECIPES).select("id", group="category")


def _measured(path: Path) -> pl.DataFrame:
    return files.read_table(path).filter(pl.col("reason").is_null())
