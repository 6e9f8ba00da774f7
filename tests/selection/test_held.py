"""How often new samples look like their category, counted by hand."""

from __future__ import annotations

import polars as pl
import pytest

from ffhq_uv.selection.classify import Bins, Values
from ffhq_uv.selection.held import categories_held

AXES = [Values("gender", {0: "female", 1: "male"}), Bins("age", (30, 60))]


def test_shares_of_all_of_each_axis_and_of_each_category() -> None:
    mixed = pl.DataFrame(
        {
            "id": list("abcde"),
            "category": ["female/30+", "female/30+", "male/under-30", "male/under-30", "male/under-30"],
            "gender": [0, 0, 1, 1, 1],
            "age": [40.0, 70.0, 20.0, 20.0, 20.0],
        }
    )
    detected = pl.DataFrame(
        {"id": list("abcde"), "gender": [0, 0, 1, 0, None], "age": [65.0, 20.0, 29.0, 25.0, 25.0]},
        schema_overrides={"gender": pl.Int64},
    )
    merged = pl.DataFrame(
        {
            "fine": ["female/30-60", "female/60+", "male/under-30"],
            "category": ["female/30+", "female/30+", "male/under-30"],
        }
    )
    found = categories_held(detected, mixed, AXES, merged)
    assert (found["samples"], found["told"], found["held"]) == (5, 4, 0.5)  # a: another bin of the merged two; c
    assert found["by_axis"] == {"gender": 0.75, "age": 0.5}
    assert found["by_category"] == {"female/30+": 0.5, "male/under-30": 0.5}


def test_of_whom_nothing_is_told_nothing_is_said() -> None:
    unknown = {"id": pl.String, "gender": pl.Int64, "age": pl.Float64}
    nobody = pl.DataFrame({"id": ["a"], "gender": [None], "age": [None]}, unknown)
    mixed = pl.DataFrame({"id": ["a"], "category": ["male/60+"], "gender": [1], "age": [70.0]})
    found = categories_held(nobody, mixed, AXES, pl.DataFrame({"fine": ["male/60+"], "category": ["male/60+"]}))
    assert (found["told"], found["held"]) == (0, None)
    assert found["by_axis"] == {"gender": None, "age": None}


@pytest.mark.parametrize("lacking", ["gender", "age"])
def test_what_the_means_lack_is_not_compared(lacking: str) -> None:
    table = pl.DataFrame({"id": ["a"], "category": ["male/60+"], "gender": [1], "age": [70.0]})
    found = categories_held(table, table.drop(lacking), AXES, table.select(fine="category", category="category"))
    assert found["held"] == 1
    assert found["by_axis"].keys() == {"gender", "age"} - {lacking}
