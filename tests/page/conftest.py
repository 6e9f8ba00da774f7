"""One browser for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.page.browser import Browser, browser, program
from tests.page.simulated import data_set, measurements, write_page

ROWS = 400


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; without one its tests are skipped."""
    if program() is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of two simulated data sets, with a quality table and a card."""
    folder = tmp_path_factory.mktemp("page")
    sets = [data_set(measurements(ROWS), "source", detailed=[0, 1, 7]), data_set(measurements(30, seed=5), "new")]
    cells = [{"value": 3.2, "low": 2.9, "high": 3.6, "published": 7.293}]
    columns = [{"label": "BS error", "unit": "grey levels", "digits": 3, "bar": True}]
    rows = [{"label": "FFHQ-UV", "cells": cells}, {"label": "FFHQ", "cells": [None]}]
    table = {"title": "The data sets", "what": "Data set", "note": "", "columns": columns, "rows": rows}
    return write_page(folder, sets, [table], "---\nlicense: other\n---\n# The card\n\nMade by a **studio**.\n")


@pytest.fixture
def opened(chromium: Browser, page: Path) -> Iterator[Browser]:
    """The browser with the page open, 1400 x 900; no script of it may fail in a test."""
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.look_like(1400, 900)
    chromium.open(page)
    yield chromium
    assert chromium.errors == []
