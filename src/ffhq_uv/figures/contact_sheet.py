"""Contact sheets: what the samples look like, for people to look at before they believe a figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ffhq_uv.store import files

CELL = 192
"""Side of a picture on a contact sheet, pixels, where nothing else is asked for."""
MARGIN = 150
"""Width of the rows' labels, pixels."""

Picture = NDArray[np.uint8]
"""uint8 [H, H, 3]."""


def contact_sheet(
    path: Path, rows: Sequence[Sequence[Picture]], cell: int = CELL, labels: Sequence[str] | None = None
) -> None:
    """Write rows of pictures as a PNG, each ``cell`` pixels wide; one white cell where there is no picture at all.

    labels    what every row shows, written before it
    """
    columns, margin = max(map(len, rows), default=0), 0 if labels is None else MARGIN
    sheet = Image.new("RGB", (margin + max(columns, 1) * cell, max(len(rows), 1) * cell), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            scaled = Image.fromarray(picture).resize((cell, cell), Image.Resampling.LANCZOS)
            sheet.paste(scaled, (margin + across * cell, down * cell))
    for down, label in enumerate(labels or ()):
        ImageDraw.Draw(sheet).text((6, (down + 0.5) * cell), label, "black", anchor="lm", font_size=13)
    with files.replacing(path) as partial:
        sheet.save(partial, format="PNG")
