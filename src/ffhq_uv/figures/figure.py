"""A figure and its file. matplotlib, which loads for a second, is taken when the first figure is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ffhq_uv.store import files

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 80


def new(width: float, height: float) -> Figure:
    """An empty figure, inches, that draws without a screen."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG that says nothing of when, or by which version, it was drawn."""
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})
