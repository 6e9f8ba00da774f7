"""What the archives record of samples, where a configuration takes that in place of a measurement."""

from __future__ import annotations

import polars as pl

from ffhq_uv.config import Config, ConfigError

EXPRESSIONS = {"recorded": pl.col("smile"), "emotions": 1 - pl.col("neutral")}
"""Of every measure of expression that is recorded: its score (0 is neutral) out of the index."""


def check_records(config: Config, samples: pl.DataFrame, reference: pl.DataFrame) -> None:
    """Raise ConfigError if a choice relies on records that these data sets (their indices) do not have."""
    measure = config.expression.name
    if measure in EXPRESSIONS and with_expressions(config, samples)["expression"].is_null().all():
        raise ConfigError(
            f"expression={measure}: nothing of the kind is recorded of any sample, or of its FFHQ image in "
            "dataset_project/; choose a measure that looks at faces: expression=recogniser or expression=coefficients"
        )
    if config.analysis.name == "recorded" and config.identity.name == "coefficients" and len(reference):
        raise ConfigError(
            "identity=coefficients: upstream's step 4 saved none of the reference people (analysis=recorded); choose "
            "an encoder of pictures: identity=arcface, identity=onnx or identity=dct"
        )


def with_expressions(config: Config, index: pl.DataFrame) -> pl.DataFrame:
    """An index with the column ``expression``: the recorded scores, null where the measure is computed."""
    return index.with_columns(expression=EXPRESSIONS.get(config.expression.name, pl.lit(None, pl.Float64)))
