"""evaluate: the measurements of both data sets -> metrics/quality.json, the quality table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.config import Config
from ffhq_uv.quality.identity import identity_std, identity_std_bootstrap
from ffhq_uv.quality.interval import mean_interval
from ffhq_uv.stages import files
from ffhq_uv.stages.table import markdown

INTERVAL = (0.025, 0.975)
"""Quantiles of the bootstrap between which a figure lies with 95 % confidence."""

Spread = tuple[float, NDArray[np.float64]]
"""An ID std and its bootstrap figures."""


def run(config: Config) -> None:
    """Compare the data sets. ID std is given in per cent of the reference's, if there is a reference."""
    reference = _spread(files.REFERENCE, config.seed)
    quality = {
        "encoder": config.identity.name,
        "reference": _row(files.REFERENCE, reference, config.seed),
        "ffhq_uv": _row(files.MEASUREMENTS, reference, config.seed),
        "ffhq_uv_interpolate": _row(files.INTERPOLATED_MEASUREMENTS, reference, config.seed),
    }
    files.write_metrics("quality", quality)
    print(markdown(quality))


def _row(path: Path, reference: Spread | None, seed: int) -> dict[str, float | int | None]:
    """A data set's figures; those that it does not have are None. BS error in grey levels."""
    measured = _measured(path)
    row: dict[str, float | int | None] = {"samples": len(measured)}
    if (spread := _spread(path, seed)) is not None and reference is not None:
        low, high = np.quantile(100 * spread[1] / reference[1], INTERVAL)
        row |= {"id_std": spread[0], "id_std_percent": 100 * spread[0] / reference[0]}
        row |= {"id_std_percent_low": float(low), "id_std_percent_high": float(high)}
    if len(errors := measured["bs_error"].drop_nulls()):
        low, high = mean_interval(errors, seed)
        row |= {"bs_error": float(np.mean(errors.to_numpy())), "bs_error_low": low, "bs_error_high": high}
        row |= {"valid_area_ratio": float(np.mean(measured["valid_area_ratio"].to_numpy()))}
    return row


def _spread(path: Path, seed: int) -> Spread | None:
    """The spread of a data set's identities; None for fewer than two samples."""
    embeddings = _measured(path)["identity"].to_list()
    if len(embeddings) < 2:
        return None
    return identity_std(embeddings), identity_std_bootstrap(embeddings, seed)


def _measured(path: Path) -> pl.DataFrame:
    return files.read_table(path).filter(pl.col("reason").is_null())
