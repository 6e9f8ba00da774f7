"""A table whose long columns stay in the shards' files until it is written."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.shards.shards import Shard, shards
from tests.small_run import inside

from ffhq_uv.chain.measurements import LONG, SCHEMA
from ffhq_uv.config import read
from ffhq_uv.shards.run import Run, running
from ffhq_uv.shards.table import SHARD, write_rows
from ffhq_uv.shards.work import Work

FAILED = "000004"


def row(id: str) -> dict[str, object]:
    if id == FAILED:
        return {"id": id, "reason": "missing_view:left"}
    return {"id": id, "bs_error": float(id), "identity": [float(id), 0.5, -1.0]}


def make(_: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
    return pl.DataFrame([row(id) for id in shard.ids], SCHEMA), []


def rows(run: Run, *, long: tuple[str, ...] = LONG) -> pl.DataFrame:
    found = run.rows(make, shards(12, 5), long)
    assert found is not None
    return found


@pytest.mark.parametrize("batch", [1, 3, 4096])
def test_rows_are_written_whole_in_any_order_some_at_a_time(
    batch: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those of samples that no shard has."""
    monkeypatch.setattr("ffhq_uv.shards.table.BATCH", batch)
    lost = pl.DataFrame([{"id": "000001a", "reason": "never read"}])
    with inside(tmp_path), running("measure", read(["engine=serial"]), SCHEMA) as run:
        short = rows(run)
        assert short.columns == [*(name for name in SCHEMA if name not in LONG), SHARD]
        for order in ("id", "bs_error"):
            table = pl.concat([short, lost], how="diagonal").sort(order, descending=True, nulls_last=True)
            write_rows(tmp_path / "table.parquet", table, run.work, SCHEMA)
            expected = pl.DataFrame(
                [row(id) if id != "000001a" else {"id": id, "reason": "never read"} for id in table["id"]], SCHEMA
            )
            assert pl.read_parquet(tmp_path / "table.parquet").equals(expected)


def test_a_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    with inside(tmp_path), running("measure", read(["engine=serial"]), SCHEMA) as run:
        write_rows(tmp_path / "table.parquet", rows(run).clear(), run.work, SCHEMA)
    table = pl.read_parquet(tmp_path / "table.parquet")
    assert (table.schema, len(table)) == (pl.Schema(SCHEMA), 0)


def test_rows_that_are_read_whole_do_not_tell_their_shard(tmp_path: Path) -> None:
    with inside(tmp_path), running("measure", read(["engine=serial"]), SCHEMA) as run:
        assert rows(run, long=()).schema == pl.Schema(SCHEMA)
