"""The quality table in Markdown, the published figures beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PUBLISHED = {
    "reference": ("FFHQ", 100.0, None, None),
    "ffhq_uv": ("FFHQ-UV", 90.06, 54_165, 7.293),
    "ffhq_uv_interpolate": ("FFHQ-UV-Interpolate", 80.12, 100_000, 4.490),
}
"""Of each row of the table: its name and the published ID std (per cent of FFHQ's), number of UV maps, BS error."""

FORMS = ["{:.2f} %", "{:,}", "{:.3f}"]


def markdown(quality: Mapping[str, Any]) -> str:
    """The quality table in Markdown: its rows are the data sets, its columns our figures and the published ones."""
    columns = ["ID std", "# UV-maps", "BS error"]
    rows = [["data set", *columns, *(f"published {column}" for column in columns)]]
    for key, (name, *published) in PUBLISHED.items():
        ours = quality[key]
        figures = [
            ours.get("id_std_percent"),
            None if key == "reference" else ours["samples"],
            ours.get("bs_error"),
        ]
        rows.append([name, *(map(_cell, figures + published, FORMS * 2))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _cell(figure: float | None, form: str) -> str:
    return "–" if figure is None else form.format(figure)
