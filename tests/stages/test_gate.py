"""The gate: new maps within the filter's bounds, replaced in a fixed order, every rejection counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.small_run import run

from ffhq_uv.selection.gate import replace_lost
from ffhq_uv.store.files import write_table

INPUTS = (
    "data/archives/topo_assets",
    "data/latents",
    *(f"data/{name}.parquet" for name in ("samples", "categories", "bounds")),
)
NAMES = st.sampled_from(["a", "b", "c"])


@given(st.lists(NAMES), st.lists(NAMES))
@settings(max_examples=100, deadline=None)
def test_lost_samples_are_replaced_in_the_order_of_their_categorys_spares(spares: list[str], lost: list[str]) -> None:
    table = pl.DataFrame({"id": range(len(spares)), "category": pl.Series(spares, dtype=pl.String)})
    drawn, left = replace_lost(table, pl.Series(lost, dtype=pl.String))
    for name in "abc":
        own = [number for number, category in enumerate(spares) if category == name]
        assert drawn.filter(pl.col("category") == name)["id"].to_list() == own[: lost.count(name)]
        assert left.filter(pl.col("category") == name)["id"].to_list() == own[lost.count(name) :]
    assert drawn["id"].is_sorted()
    assert left["id"].is_sorted()


def gated(folder: Path, *overrides: str) -> tuple[dict, pl.DataFrame, pl.DataFrame]:
    """Metrics, measurements and rejected samples of a gated run, with bounds that about half of the maps break."""
    switched = ("interpolate.gate.enabled=true", *overrides)
    assert run(folder, "interpolate", "extract", overrides=switched) == [0, 0]
    metrics = json.loads((folder / "reports/extract.json").read_text())
    tables = (pl.read_parquet(folder / f"data/{name}.parquet") for name in ("interpolate-measurements", "rejected"))
    return metrics, *tables


@pytest.fixture
def strict(copied: Callable[..., Path], small_run: Path) -> tuple[Path, float]:
    """A folder whose bound on BS error is the median of the ungated new maps, and that bound."""
    folder = copied(*INPUTS)
    bound = pl.read_parquet(small_run / "data/interpolate-measurements.parquet")["bs_error"].median()
    table = pl.read_parquet(folder / "data/bounds.parquet").with_columns(
        bound=pl.when(pl.col("name") == "bs_error").then(bound).otherwise("bound")
    )
    write_table(folder / "data/bounds.parquet", table)
    assert isinstance(bound, float)
    return folder, bound


def test_only_maps_within_the_bounds_are_published(strict: tuple[Path, float], small_run: Path) -> None:
    folder, bound = strict
    metrics, made, rejected = gated(folder, "interpolate.gate.spare=1.0")
    assert made["bs_error"].max() <= bound
    assert metrics["asked"] == metrics["made"] + metrics["missing"] == 24
    assert metrics["tried"] == metrics["made"] + metrics["rejected"] + metrics["failed"]
    assert (metrics["made"], metrics["rejected"]) == (len(made), len(rejected))
    assert metrics["rejected_by"]["bs_error"] >= 12
    assert metrics["made"] > 12  # some were replaced

    maps = {path.stem for path in (folder / "data/ffhq-uv-interpolate/uv-maps").rglob("*.png")}
    described = json.loads((folder / "data/ffhq-uv-interpolate/meta-info.json").read_text())
    assert maps == set(described) == set(made["id"])
    assert not maps & set(rejected["id"])
    # what passes is what the ungated run made, and replacements
    ungated = pl.read_parquet(small_run / "data/interpolate-measurements.parquet")
    same = made.join(ungated, on="id")
    assert same["bs_error"].to_list() == same["bs_error_right"].to_list()


def test_a_budget_that_is_spent_leaves_fewer_samples(strict: tuple[Path, float]) -> None:
    metrics, _, rejected = gated(strict[0], "interpolate.gate.spare=0")
    assert metrics["tried"] == 24
    assert metrics["missing"] == len(rejected) > 0


def test_the_order_of_work_changes_nothing(strict: tuple[Path, float]) -> None:
    _, one, rejected = gated(strict[0])
    _, other, others = gated(strict[0], "engine.shard=3")
    assert one.equals(other)
    assert rejected.equals(others)


def test_a_gate_that_nobody_could_pass_is_refused(
    strict: tuple[Path, float], capsys: pytest.CaptureFixture[str]
) -> None:
    for measure in ("recorded", "emotions"):
        overrides = ("interpolate.gate.enabled=true", f"expression={measure}")
        assert run(strict[0], "interpolate", "extract", overrides=overrides) == [2, 2]
        error = capsys.readouterr().err
        assert f"(expression={measure})" in error
        assert "expression=coefficients" in error
