"""plots/quality.png: the quality table as a picture, our figures with their intervals beside the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ffhq_uv.figures.table import FORMS, PUBLISHED
from ffhq_uv.store import files

DPI = 80
COLUMNS = {"id_std_percent": "ID std, % of the reference", "samples": "# UV-maps", "bs_error": "BS error, grey levels"}
OURS, THEIRS = "#3b75af", "#e1812c"


def draw_quality(quality: Mapping[str, Any]) -> None:
    """Write the figure: a row a data set, a panel a column of the table; ours filled, published ones hollow."""
    figure = Figure(figsize=(11, 3.2), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(COLUMNS), sharey=True)
    for place, (axes, (key, title)) in enumerate(zip(panels, COLUMNS.items(), strict=True)):
        for row, (data_set, (_, *published)) in enumerate(PUBLISHED.items()):
            ours = None if data_set == "reference" and key == "samples" else quality[data_set].get(key)
            interval = [quality[data_set].get(f"{key}_{end}") for end in ("low", "high")]
            _figure(axes, row - 0.15, ours, FORMS[place], OURS, interval)
            _figure(axes, row + 0.2, published[place], FORMS[place], THEIRS)
        axes.set(title=title, xlim=(0, 1.2 * axes.get_xlim()[1]))
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].set(xscale="log", xlim=(10, 1e7))
    names = [name for name, *_ in PUBLISHED.values()]
    panels[0].set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5))
    for colour, label in ((OURS, f"here ({quality['encoder']}), 95 % interval"), (THEIRS, "published (ArcFace)")):
        panels[0].plot([], [], "o", color=colour, mfc=colour if colour == OURS else "white", label=label)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    with files.replacing(files.PLOTS / "quality.png") as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


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
