"""The stage evaluate compares what can be compared."""

from __future__ import annotations

import polars as pl
import pytest

from ffhq_uv.stages.evaluate import check_encoder


def measured(length: int, count: int = 2) -> pl.DataFrame:
    return pl.DataFrame({"identity": [[0.5] * length] * count}, {"identity": pl.List(pl.Float32)})


def test_identities_of_two_encoders_are_not_compared() -> None:
    check_encoder(measured(128), measured(128), measured(128, count=0))
    with pytest.raises(RuntimeError, match="identities of 128 and 175 numbers"):
        check_encoder(measured(128), measured(128), measured(175))
