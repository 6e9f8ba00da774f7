"""Contact sheets: what the samples look like, for people to look at before they believe a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ffhq_uv.stages import files

CELL = 192
"""Side of a picture on a contact sheet, pixels."""


def contact_sheet(path: Path, rows: Sequence[Sequence[NDArray[np.uint8]]]) -> None:
    """Write a grid of square pictures, each uint8 [H, W, 3], as a PNG."""
    columns = max(map(len, rows), default=0)
    sheet = Image.new("RGB", (columns * CELL, len(rows) * CELL), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            cell = Image.fromarray(picture).resize((CELL, CELL), Image.Resampling.LANCZOS)
            sheet.paste(cell, (across * CELL, down * CELL))
    with files.replacing(path) as partial:
        sheet.save(partial, format="PNG", optimize=True)
