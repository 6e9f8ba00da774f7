"""Draw docs/01223.png: the published map of sample 01223 beside those that both recipes make of its faces.

FFHQ_UV_EXAMPLE=... python benchmarks/texture_picture.py
"""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import torch

from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.archive.writing import encode_png
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import VIEWS
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import load_topology

ID = "01223"
FACE = (slice(96, 864), slice(128, 896))
"""Rows and columns of the map that are shown."""
SIDE, GAP = 288, 6


def main() -> None:
    example = Path(os.environ["FFHQ_UV_EXAMPLE"])
    project, assets = example / "dataset_project", example / "stand_in_topo_assets"
    views = [read_png((project / "edit" / ID / f"{ID}_{view}.png").read_bytes(), view) for view in VIEWS]
    faces = torch.from_numpy(np.stack(views))[None]
    geometry = RecordedAnalysis(example, assets)(faces, torch.zeros(1, 3, 18, 512), [ID])
    topology = load_topology(assets, 1024)
    published = project / "unwrap_texture" / ID / f"{ID}_final_uv.png"
    maps = [read_png(published.read_bytes(), published.name)]
    maps += [recipe(topology)(faces, geometry).maps[0].numpy() for recipe in (PublishedTexturer, FaithfulTexturer)]
    cells = [cv2.resize(texture[FACE], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for texture in maps]
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    out = Path(__file__).parents[1] / "docs" / f"{ID}.png"
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(encode_png(np.concatenate([cells[0], gap, cells[1], gap, cells[2]], 1)))
    print(f"{out}: {out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
