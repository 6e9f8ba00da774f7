"""plots/filter.png: how each measurement is distributed, where its bound lies, and who gets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ffhq_uv.figures.figure import new, save
from ffhq_uv.selection.filter import Criterion
from ffhq_uv.store import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINS = 30

LABELS = {
    "bs_error": "BS error, grey levels",
    "bs_error_of_luma": "BS error, % of the map's mean luma",
    "valid_area_ratio": "valid area ratio",
    "expression": "expression score, 0 is neutral",
    "light": "unevenness of the light on the front face, 0 is even",
}
NORMALISATIONS = {"none": "BS error in grey levels", "mean_luma": "BS error in % of mean luma"}
KEPT, DROPPED = "#3b75af", "#d9b48f"


def draw(
    measurements: pl.DataFrame,
    columns: Sequence[str],
    criteria: Sequence[Criterion],
    kept: pl.Series,
    tones: pl.DataFrame,
) -> None:
    """Write the figure: the distributions, and the balance of skin tones under both normalisations of BS error.

    columns     the measurements to show
    criteria    resolved: their bounds are drawn
    kept        ids
    tones       normalise, skin_tone, kept_share, low, high
    """
    rows = len(columns) // 2 + 1
    figure = new(10, 3.5 * rows)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for axes, column in zip(panels, columns, strict=False):
        bound = next((criterion.bound for criterion in criteria if criterion.column == column), None)
        _distribution(axes, measurements, column, bound, kept)
    _balance(panels[len(columns)], tones)
    for axes in panels[len(columns) + 1 :]:
        axes.set_axis_off()
    save(figure, files.PLOTS / "filter.png")


def _distribution(axes: Axes, measurements: pl.DataFrame, column: str, bound: float | None, kept: pl.Series) -> None:
    table = measurements.filter(pl.col(column).is_finite())
    values, chosen = table[column].to_numpy(), table["id"].is_in(kept.implode()).to_numpy()
    edges = np.histogram_bin_edges(values, BINS).tolist()
    axes.hist([values[chosen], values[~chosen]], edges, stacked=True, color=[KEPT, DROPPED], label=["kept", "dropped"])
    if bound is not None:
        axes.axvline(bound, color="black", linewidth=1, label=f"bound {bound:.4g}")
    axes.set(xlabel=LABELS[column], ylabel="samples")
    axes.legend(frameon=False)


def _balance(axes: Axes, tones: pl.DataFrame) -> None:
    names = tones["skin_tone"].unique(maintain_order=True).to_list()
    for shift, (normalise, label) in zip((-0.1, 0.1), NORMALISATIONS.items(), strict=True):
        rows = tones.filter(pl.col("normalise") == normalise)
        places = np.array([names.index(name) for name in rows["skin_tone"]]) + shift
        share = rows["kept_share"].to_numpy()
        reach = np.stack([share - rows["low"].to_numpy(), rows["high"].to_numpy() - share]).clip(min=0)
        axes.errorbar(places, share, reach, fmt="o", capsize=3, label=label)
    axes.set(xticks=range(len(names)), xticklabels=names, ylim=(0, 1.05), ylabel="share kept, 95 % interval")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)  # above: intervals fill the panel
