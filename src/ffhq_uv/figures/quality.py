"""plots/quality.png: the quality table as a picture, our figures with their intervals beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ffhq_uv.figures.figure import new, save
from ffhq_uv.figures.table import BS_ERROR, COLUMNS, ID_STD, MAPS, PUBLISHED, REPORTED
from ffhq_uv.store import files

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = {
    ID_STD: ("id_std_percent", "ID std, % of the reference"),
    MAPS: ("samples", "# UV-maps"),
    BS_ERROR: ("bs_error", "BS error, grey levels"),
}
"""Of every column of the table: its key in reports/quality.json, and the panel's title."""
OURS, THEIRS = "#3b75af", "#e1812c"


def draw_quality(quality: Mapping[str, Any]) -> None:
    """Write the figure: a row a data set, a panel a column of the table; ours filled, published ones hollow."""
    figure = new(11, 3.2)
    panels = figure.subplots(1, len(PANELS), sharey=True)
    for axes, (column, (key, title)) in zip(panels, PANELS.items(), strict=True):
        for row, (data_set, published) in enumerate(PUBLISHED.items()):
            found = quality[REPORTED[data_set]]
            ours = None if data_set == "FFHQ" and column == MAPS else found.get(key)
            interval = [found.get(f"{key}_{end}") for end in ("low", "high")]
            _figure(axes, row - 0.15, ours, COLUMNS[column], OURS, interval)
            _figure(axes, row + 0.2, published.get(column), COLUMNS[column], THEIRS)
        axes.set(title=title, xlim=(0, 1.2 * axes.get_xlim()[1]))
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].set(xscale="log", xlim=(10, 1e7))
    panels[0].set(yticks=range(len(PUBLISHED)), yticklabels=PUBLISHED, ylim=(len(PUBLISHED) - 0.5, -0.5))
    for colour, label in ((OURS, f"here ({quality['encoder']}), 95 % interval"), (THEIRS, "published (ArcFace)")):
        panels[0].plot([], [], "o", color=colour, mfc=colour if colour == OURS else "white", label=label)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    save(figure, files.PLOTS / "quality.png")


def _figure(
    axes: Axes, y: float, value: float | None, form: str, colour: str, interval: list[float | None] | None = None
) -> None:
    """A point with its value written beside it, and its interval if it has one."""
    if value is None:
        return
    low, high = interval or [None, None]
    if low is not None and high is not None:
        axes.plot([low, high], [y, y], color=colour)
    axes.plot(value, y, "o", color=colour, mfc=colour if colour == OURS else "white")
    beyond = max(value, high or value)
    axes.annotate(form.format(value), (beyond, y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=9)
