"""The files of a page but for its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

from ffhq_uv.page.script import script

ASSETS = files("ffhq_uv.page") / "site"


def site(page: Any, tables: Sequence[Any], topology: Any) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file: those that all pages share, and the scripts of these values.

    page, tables    as `data.described` returns them
    topology        as `head.topology` returns it
    """
    for asset in sorted(ASSETS.iterdir(), key=lambda asset: asset.name):
        yield asset.name, asset.read_bytes()
    yield "data/page.js", script("page", page).encode()
    yield "data/topology.js", script("topology", topology).encode()
    for table in tables:
        yield f"{table['name']}/table.js", script("table", table).encode()
