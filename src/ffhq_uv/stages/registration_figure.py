"""The picture of a registration: the source, the target as it came and as it lies on the source, and how near."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ffhq_uv.stages import files
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.transfer.registration import Registration

DPI = 80
VIEWS = {"front": (0, 1, 2, 1), "side": (2, 1, 0, -1)}
"""Axis to the right, axis up, axis to the viewer and its sign."""
FURTHEST = 0.01
"""End of the colours, in head heights."""


def draw_registration(path: Path, source: Mesh, target: Mesh, registration: Registration) -> None:
    """Write the figure: a row a view; vertices, those without a surface in red."""
    figure = Figure(figsize=(11, 8), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    came = target.vertices @ registration.turn.astype(np.float32) + registration.shift.astype(np.float32)
    columns = {"source": source.vertices, "target, turned and scaled": came, "target on the source": registration.vertices}
    for row, (view, axes) in enumerate(zip(VIEWS, figure.subplots(len(VIEWS), 3, sharey="row"), strict=True)):
        for place, (title, vertices) in enumerate(columns.items()):
            axes[place].set(title=title if row == 0 else "", aspect="equal")
            axes[place].axis("off")
            points, order = _seen(vertices, view)
            if place < 2:
                axes[place].scatter(*points.T, s=0.3, c=points[:, 1] * 0 + order / max(1, len(order)), cmap="Greys_r", vmax=2)
                continue
            apart = np.where(registration.matched, registration.distance, np.nan)[_facing(vertices, view)]
            shown = axes[place].scatter(*points.T, s=0.5, c=apart, vmin=0, vmax=FURTHEST, cmap="viridis", plotnonfinite=True)
            shown.cmap.set_bad("red")
    figure.colorbar(shown, ax=axes, shrink=0.6, label="distance from the source, head heights (red: no surface)")
    with files.replacing(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _facing(vertices: NDArray[np.float32], view: str) -> NDArray[np.int64]:
    """Vertices from the furthest to the nearest, without those behind the middle."""
    *_, deep, sign = VIEWS[view]
    depth = sign * vertices[:, deep]
    order = np.argsort(depth)
    return np.asarray(order[depth[order] > np.median(depth)])


def _seen(vertices: NDArray[np.float32], view: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    right, up, *_ = VIEWS[view]
    order = _facing(vertices, view)
    return vertices[order][:, [right, up]], np.arange(len(order))
