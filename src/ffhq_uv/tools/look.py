"""look: write a page to look at the data sets, for any browser, from a file or any web host.

It shows the source, after the stage ``filter``, and the new data set, after ``extract``: every map, who is kept by
which bounds, heads to turn, and the quality tables. An interrupted run goes on where it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from ffhq_uv.chain.build import check_studio
from ffhq_uv.checkpoints.needs import check
from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.page.data import described
from ffhq_uv.page.pictures import Pictures, draw, topology_of_heads
from ffhq_uv.page.quality import quality_tables
from ffhq_uv.page.rows import COLUMNS, Rows, criteria_of, new_rows, source_rows
from ffhq_uv.page.site import site
from ffhq_uv.store import files
from ffhq_uv.store.bounds import read_bounds

MARK = "FFHQ-UV-Interpolate, a page to look at"
"""The text of `MARKER`, by which a folder is known to be a page, that a new one may replace."""
MARKER = "page.txt"


class Words(Declared):
    """What the tool is told."""

    out: Path = Field(description="folder for the page: new, empty, or with an older page, which it replaces")
    details: int = Field(200, ge=0, description="of each data set at most so many heads and faces are drawn (200)")
    card: Path | None = Field(None, description="the data card, Markdown, to be shown on the page too")


def run(words: Words, config: Config) -> None:
    """Write the page and print what is in it."""
    print(look(config, words.out, words.details, words.card))


def look(config: Config, out: Path, details: int, card: Path | None) -> str:
    """Write the page of the source, after ``filter``, and of the new data set, after ``extract``; says what is in it.

    details    heads and faces that are drawn of each data set at most; they are spread evenly over it
    card       the data card, Markdown, to be shown too

    Raises ConfigError for a folder that holds something else, and FileNotFoundError before the stage filter ran.
    """
    _check_out(out)
    text = None if card is None else _card(card)
    if details:
        check_studio(config.generator, config.analysis)
        check(config)
    data_sets = [source_rows(), *new_rows(config)]
    for rows in data_sets:
        _spread(rows, details)
    pictures = draw(config, data_sets)
    with files.replacing_directory(out) as folder:
        _write(config, folder, data_sets, pictures, text)
    drawn = " and ".join(f"{len(rows.ids):,} maps, {len(rows.detailed):,} heads ({rows.label})" for rows in data_sets)
    return f"{out / 'index.html'}: {drawn}; open it in a browser"


def _check_out(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise ConfigError(f"out={out}: a file; expected a folder, new, empty, or with an older page")
    marker = out / MARKER
    if out.is_dir() and any(out.iterdir()) and not (marker.is_file() and marker.read_text().startswith(MARK)):
        raise ConfigError(f"out={out}: the folder holds something else than a page; name a new or empty one")


def _card(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(f"card={path}: no such file; expected the data card, Markdown")
    return path.read_text(encoding="utf-8", errors="replace")


def _spread(rows: Rows, details: int) -> None:
    """Choose the rows that get a head: all, or as many as there may be, evenly spread."""
    able = [row for row in range(len(rows.ids)) if row not in rows.failed]
    places = np.linspace(0, len(able) - 1, min(details, len(able))).round().astype(int).tolist() if able else []
    rows.detailed = [able[place] for place in places]


def _write(config: Config, folder: Path, data_sets: Sequence[Rows], pictures: Pictures, card: str | None) -> None:
    parts = [rows.described(pictures.colours[rows.name]) for rows in data_sets]
    tables = quality_tables(_report("quality"), _report("filter"))
    criteria = criteria_of(data_sets[0].table, read_bounds())
    page, sent = described(config.source.name, parts, criteria, COLUMNS, tables, card)
    for name, content in site(page, sent, topology_of_heads()):
        _write_file(folder / name, content)
    for source in pictures.files:
        target = folder / source.relative_to(pictures.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        _link(source, target)
    (folder / MARKER).write_text(f"{MARK}: open index.html in a browser\n")


def _write_file(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _link(source: Path, target: Path) -> None:
    """The same file without taking space twice, or a copy on another disk."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _report(name: str) -> dict[str, Any]:
    """A stage's report; none where it has not run."""
    path = files.REPORTS / f"{name}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found
