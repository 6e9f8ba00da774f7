"""The stage classify: the axes that the configuration names, and nobody forgotten."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from tests.small_run import run

from ffhq_uv.quality.tone_class import ita_class

INPUTS = tuple(f"data/{name}.parquet" for name in ("samples", "measurements", "kept"))


def test_skin_tone_and_recorded_numbers_may_be_axes_too(copied: Callable[..., Path]) -> None:
    folder = copied(*INPUTS)
    overrides = ("classify.skin_tone=true", "classify.also=[{column: smile, edges: [0.2]}]", "classify.min_size=1")
    assert run(folder, "classify", overrides=overrides) == [0]
    categories = pl.read_parquet(folder / "data/categories.parquet").drop_nulls("category")
    people = pl.read_parquet(folder / "data/samples.parquet").select("id", "smile")
    tones = pl.read_parquet(folder / "data/measurements.parquet").select("id", "skin_tone")
    for row in categories.join(people, on="id").join(tones, on="id").iter_rows(named=True):
        *_, tone, smile = row["category"].split("/")
        assert tone == ita_class(row["skin_tone"])
        assert smile == ("smile-0.2+" if row["smile"] >= 0.2 else "smile-under-0.2")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("classify.age_edges=[]",), {"female/no-beard", "male/beard", "male/no-beard"}),
        (("classify.beard_edges=[]",), {f"{who}/{age}" for who in ("female", "male") for age in ("under-40", "40+")}),
        (("classify.age_edges=[]", "classify.beard_edges=[]"), {"female", "male"}),
    ],
)
def test_an_axis_without_edges_is_off(copied: Callable[..., Path], overrides: tuple[str, ...], named: set[str]) -> None:
    folder = copied(*INPUTS)
    assert run(folder, "classify", overrides=(*overrides, "classify.min_size=1")) == [0]
    assert set(pl.read_parquet(folder / "data/categories.parquet")["category"].drop_nulls()) <= named
    assert run(folder, "classify", overrides=(*overrides, "classify.min_size=8", "classify.small=merge")) == [0]
    sizes = pl.read_parquet(folder / "data/categories.parquet").drop_nulls("category").group_by("category").len()
    assert sizes["len"].min() >= 8


def test_who_is_left_out_is_counted_by_reason(copied: Callable[..., Path]) -> None:
    folder = copied(*INPUTS)
    index, kept = (pl.read_parquet(folder / f"data/{name}.parquet") for name in ("samples", "kept"))
    ageless = kept["id"][0]
    index.with_columns(age=pl.when(pl.col("id") != ageless).then("age")).write_parquet(folder / "data/samples.parquet")
    assert run(folder, "classify", overrides=("classify.small=drop", "classify.min_size=6")) == [0]
    metrics = json.loads((folder / "reports/classify.json").read_text())
    left_out = pl.read_parquet(folder / "data/categories.parquet").filter(
        pl.col("category").is_null() & (pl.col("reason") != "dropped by the filter")
    )
    assert left_out.filter(pl.col("id") == ageless)["reason"].to_list() == ["age unknown"]
    assert metrics["left_out_unknown"] == 1
    assert metrics["left_out_too_small"] == len(left_out) - 1 > 0
    assert metrics["classified"] == len(kept) - len(left_out)
    assert metrics["smallest"] >= 6
