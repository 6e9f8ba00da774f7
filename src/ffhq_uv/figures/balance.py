"""plots/balance.png: whose share shrinks on the way, by category and by skin tone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ffhq_uv.figures.figure import new, save
from ffhq_uv.store import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SETS = {"before": ("source", "#b8b8b8"), "after": ("kept", "#3b75af"), "made": ("interpolated", "#e1812c")}


def draw_balance(balances: Mapping[str, pl.DataFrame]) -> None:
    """Write the figure: a row a grouping, the groups' shares in three sets and the share that the filter keeps.

    balances    of each grouping: group; before, after, made (samples); kept_share with its interval low, high
    """
    lengths = [len(table) + 1 for table in balances.values()]
    figure = new(10, 1.5 + 0.35 * sum(lengths))
    rows = figure.subplots(len(balances), 2, sharey="row", squeeze=False, height_ratios=lengths)
    for (shares, kept), (by, table) in zip(rows, balances.items(), strict=True):
        _shares(shares, table)
        _kept(kept, table)
        shares.set(ylabel=by.replace("_", " "))
        shares.invert_yaxis()
    rows[0][0].legend(frameon=False)
    save(figure, files.PLOTS / "balance.png")


def _shares(axes: Axes, table: pl.DataFrame) -> None:
    places = np.arange(len(table))
    for place, (column, (label, colour)) in enumerate(SETS.items()):
        share = table[column].to_numpy() / max(table[column].sum(), 1)
        axes.barh(places + (place - 1) * 0.27, share, 0.27, color=colour, label=label)
    axes.set(yticks=places, yticklabels=table["group"].to_list(), xlabel="share of the data set")


def _kept(axes: Axes, table: pl.DataFrame) -> None:
    table = table.with_row_index("place").filter(pl.col("before") > 0)
    share = table["kept_share"].to_numpy()
    reach = np.stack([share - table["low"].to_numpy(), table["high"].to_numpy() - share]).clip(min=0)
    axes.errorbar(share, table["place"].to_numpy(), xerr=reach, fmt="o", capsize=3, color=SETS["after"][1])
    axes.axvline(int(table["after"].sum()) / max(int(table["before"].sum()), 1), color="black", linewidth=1)
    axes.set(xlim=(0, 1.02), xlabel="share that the filter keeps, 95 % interval; line: of all")
