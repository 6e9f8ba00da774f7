"""The quality tables as the page shows them: figures with intervals, and the published ones beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ffhq_uv.figures.table import BS_ERROR, ID_STD, MAPS, PUBLISHED, REPORTED

NAMES = {
    "reference": "FFHQ",
    "ffhq_uv": "FFHQ-UV",
    "kept": "FFHQ-UV, kept",
    "ffhq_uv_interpolate": "FFHQ-UV-Interpolate",
}
FIGURES = (
    ("samples", "Maps", "", 0, False),
    ("id_std_percent", "ID std", "% of FFHQ’s", 2, True),
    ("bs_error", "BS error", "grey levels", 3, True),
    ("valid_area_ratio", "Valid area", "of the face", 4, True),
)
"""Of every figure: its key, label, unit, digits, and whether an interval is drawn."""

FAULTS = {"badly_lit": "unevenly lit", "hidden_skin": "hidden skin", "smiling": "smiling"}
TEXTURE_FIGURES = (
    ("psnr", "PSNR", "dB", 2),
    ("ssim", "SSIM", "", 4),
    ("coverage", "Coverage", "of the face", 4),
    ("seam", "Seam", "grey levels", 3),
)

Table = dict[str, Any]


def quality_tables(quality: Mapping[str, Any], filtered: Mapping[str, Any]) -> list[Table]:
    """The tables that there are figures for, of reports/quality.json and reports/filter.json."""
    tables = [_data_sets(quality)] if any(name in quality for name in NAMES) else []
    if truth := filtered.get("truth"):
        tables.append(_agreement(truth))
    if textures := quality.get("textures"):
        tables.append(_textures(textures))
    return tables


def _data_sets(quality: Mapping[str, Any]) -> Table:
    rows = []
    for key, name in NAMES.items():
        if key in quality:
            cells = [_cell(quality[key], figure, _published(key)) for figure, *_ in FIGURES]
            rows.append({"label": name, "cells": cells})
    encoder = quality.get("encoder")
    note = "With 95 % intervals of the mean; a ring marks the published figure. ID std is how much identities vary"
    return {
        "title": "The data sets",
        "what": "Data set",
        "note": f"{note}, by the encoder {encoder}: figures of different encoders are not compared."
        if encoder
        else f"{note}.",
        "columns": [
            {"label": label, "unit": unit, "digits": digits, "bar": bar} for _, label, unit, digits, bar in FIGURES
        ],
        "rows": rows,
    }


def _published(key: str) -> dict[str, float]:
    """The published figures of a data set; FFHQ is the unit, and has none."""
    row = next((PUBLISHED[name] for name, reported in REPORTED.items() if reported == key), {})
    found = {"id_std_percent": row.get(ID_STD), "samples": row.get(MAPS), "bs_error": row.get(BS_ERROR)}
    return {} if key == "reference" else {figure: value for figure, value in found.items() if value is not None}


def _cell(row: Mapping[str, Any], figure: str, published: Mapping[str, float]) -> dict[str, float] | None:
    if row.get(figure) is None:
        return None
    found = {
        "value": row[figure],
        "low": row.get(f"{figure}_low"),
        "high": row.get(f"{figure}_high"),
        "published": published.get(figure),
    }
    return {key: value for key, value in found.items() if value is not None}


def _agreement(truth: Mapping[str, Mapping[str, float | None]]) -> Table:
    columns = [
        {"label": "Precision", "unit": "of those dropped, really so", "digits": 3, "bar": True},
        {"label": "Recall", "unit": "of those really so, dropped", "digits": 3, "bar": True},
    ]
    rows = [
        {"label": FAULTS.get(fault, fault), "cells": [_plain(found.get("precision")), _plain(found.get("recall"))]}
        for fault, found in truth.items()
    ]
    note = "What is really wrong with a sample is known where the studio made it. With the bounds of the run."
    return {
        "title": "Does the filter find the faults?",
        "what": "Fault",
        "note": note,
        "columns": columns,
        "rows": rows,
    }


def _textures(textures: Mapping[str, Mapping[str, float]]) -> Table:
    columns = [
        {"label": label, "unit": unit, "digits": digits, "bar": True} for _, label, unit, digits in TEXTURE_FIGURES
    ]
    rows = [
        {"label": method, "cells": [_plain(found.get(key)) for key, *_ in TEXTURE_FIGURES]}
        for method, found in textures.items()
    ]
    note = "Extracted maps against the true ones, which the studio knows."
    return {"title": "Texture extraction", "what": "Method", "note": note, "columns": columns, "rows": rows}


def _plain(value: float | None) -> dict[str, float] | None:
    return None if value is None else {"value": value}
