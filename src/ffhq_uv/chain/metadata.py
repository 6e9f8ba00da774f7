"""What is said of samples that were made: in ``metadata.jsonl``, and in published tables."""

from __future__ import annotations

import polars as pl
import polars.selectors as cs

from ffhq_uv.chain.measurements import LONG
from ffhq_uv.quality.tone_class import ita_class


def metadata(made: pl.DataFrame, measurements: pl.DataFrame) -> pl.DataFrame:
    """Of the samples made, by id, all but where their maps lie. Without embeddings.

    made            id, gender, age, beard, category
    measurements    as `chain` measures, short columns or all; rows of other samples are left out
    """
    measured = measurements.drop(*LONG, "reason", strict=False).with_columns(cs.float().fill_nan(None))
    table = made.select("id", "gender", "age", "beard", "category").join(measured, on="id", how="left").sort("id")
    tone = pl.col("skin_tone").map_elements(ita_class, pl.String)
    return table.with_columns(tone.alias("skin_tone_class"))
