"""The picture of a registration: the source, the target as it came and as it lies on the source, and how near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.figures.figure import new, save

VIEWS = ((0, 2, 1), (2, 0, -1))
"""From the front and from the side: axis to the right, axis to the viewer and its sign; y is up."""
FURTHEST = 0.01
"""End of the colours, in head heights."""


def draw_registration(
    path: Path,
    source: NDArray[np.float32],
    came: NDArray[np.float32],
    placed: NDArray[np.float32],
    distance: NDArray[np.float64],
) -> None:
    """Write the figure: a row a view, a point a vertex, of the half of the head that is nearer to the viewer.

    source      vertices [M, 3]
    came        the target's vertices [N, 3], turned and scaled only
    placed      the same vertices on the source
    distance    of each from the source, head heights; NaN where there is no surface for it (red)
    """
    figure = new(11, 9)
    axes = figure.subplots(len(VIEWS), 3, sharex="row", sharey="row")
    for place, (title, vertices) in enumerate(
        {"source": source, "target, turned and scaled": came, "target on the source": placed}.items()
    ):
        for row, (right, deep, sign) in enumerate(VIEWS):
            depth = sign * vertices[:, deep]
            order = np.argsort(depth)[len(depth) // 2 :]
            values, colours = (distance, "viridis") if place == 2 else (depth, "bone")
            shown = axes[row, place].scatter(
                vertices[order, right], vertices[order, 1], s=1, c=values[order], cmap=colours, plotnonfinite=True
            )
            axes[row, place].set(title=title if row == 0 else "", aspect="equal")
            axes[row, place].axis("off")
            if place == 2:
                shown.set_clim(0, FURTHEST)
                shown.cmap = shown.cmap.with_extremes(bad="red")
    figure.colorbar(shown, ax=axes, shrink=0.6, label="distance from the source, head heights (red: no surface)")
    save(figure, path)
