"""The quality table: a row a data set, our figures and the published ones, as ``metrics/`` and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = dict[str, float | int | None]

BS_ERROR, ID_STD, MAPS, KEPT = "BS error", "ID std %", "UV-maps", "kept"
"""The columns: grey levels; per cent of the reference's; a number of samples; how many of them the filter keeps."""

COLUMNS = {ID_STD: "{:.2f} %", MAPS: "{:,}", BS_ERROR: "{:.3f}"}
"""The columns that the published table has, and how their figures are written."""
DIGITS = {ID_STD: 2, BS_ERROR: 3}
"""Digits after the point, as published."""

PUBLISHED: dict[str, Row] = {
    "FFHQ": {ID_STD: 100.0},
    "FFHQ-UV": {ID_STD: 90.06, MAPS: 54_165, BS_ERROR: 7.293},
    "FFHQ-UV-Interpolate": {ID_STD: 80.12, MAPS: 100_000, BS_ERROR: 4.490},
}
"""The published table, by data set."""

PICTURES, INVERTED = (
    "its own pictures",
    "its people as inverted (source.reference_images=FOLDER takes its own pictures)",
)
"""Whose identities the row FFHQ is measured by."""

REPORTED = {"FFHQ": "reference", "FFHQ-UV": "ffhq_uv", "FFHQ-UV-Interpolate": "ffhq_uv_interpolate"}
"""Of every data set: its key in reports/quality.json."""


def table_rows(quality: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of the table by data set, out of reports/quality.json; a figure that there is not is left out."""
    rows: dict[str, Row] = {}
    for data_set, key in REPORTED.items():
        found = {BS_ERROR: quality[key].get("bs_error"), ID_STD: quality[key].get("id_std_percent")}
        if data_set != "FFHQ":
            found[MAPS] = quality[key]["samples"]
        if data_set == "FFHQ-UV":
            found[KEPT] = quality["kept"]["samples"]
        rows[data_set] = {
            name: round(figure, DIGITS.get(name, 0)) for name, figure in found.items() if figure is not None
        }
    return rows


def beneath(quality: Mapping[str, Any]) -> str:
    """The line below the table: whose spread its first row is, out of reports/quality.json."""
    return f"FFHQ: {quality['reference'].get('of', INVERTED)}; ID std by identity={quality['encoder']}"


def markdown(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The quality table in Markdown: the rows of `table_rows`, and beside them the published figures."""
    header = ["data set", *(name.removesuffix(" %") for name in COLUMNS)]
    cells = [[*header, *(f"published {name}" for name in header[1:])]]
    for data_set, published in PUBLISHED.items():
        cells.append([data_set, *_cells(rows[data_set]), *_cells(published)])
    return grid(cells)


def grid(cells: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first of them the header, as a Markdown table: numbers to the right, names to the left."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    rows = [[row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in cells]
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], rule, *rows[1:]])


def _cells(row: Mapping[str, Any]) -> list[str]:
    return ["–" if row.get(column) is None else form.format(row[column]) for column, form in COLUMNS.items()]
