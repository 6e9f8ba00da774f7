"""The heads that the analysis fits to samples' faces."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis import Analysis
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.chain.build import build_analysis, build_generator, check_studio
from ffhq_uv.config import sections
from ffhq_uv.formats.published import MODEL
from ffhq_uv.generator import Generator
from ffhq_uv.geometry import FRONT
from ffhq_uv.once import once_a_run
from ffhq_uv.store import files


def fitted_heads(
    config: sections.Config, codes: NDArray[np.float32], ids: Sequence[str]
) -> tuple[list[NDArray[np.float32] | None], list[str | None]]:
    """Vertices [N, 3] of the head that is fitted to each front face, of codes float32 [B, 3, 18, 512].

    For a sample whose faces cannot be drawn, or not analysed: None, and the reason. Raises ConfigError where the studio
    is to read codes that are not its own.
    """
    check_studio(config.generator, config.analysis)
    generator, analysis, model = _rooms(config.model_dump_json(by_alias=True))
    latents = torch.from_numpy(codes)
    faces, found = generator(latents, ids)
    reasons = list(found)
    drawn = [row for row, reason in enumerate(reasons) if reason is None]
    heads: list[NDArray[np.float32] | None] = [None] * len(ids)
    if not drawn:
        return heads, reasons
    geometry = analysis(faces[drawn], latents[drawn], [ids[row] for row in drawn])
    vertices = model.to(geometry.identity.device).shape(geometry.identity[:, FRONT], geometry.expression[:, FRONT])
    for place, row in enumerate(drawn):
        reasons[row] = geometry.reasons[place]
        if reasons[row] is None:
            heads[row] = vertices[place].cpu().numpy()
    return heads, reasons


@once_a_run
def _rooms(config: str) -> tuple[Generator, Analysis, MorphableModel]:
    """Built once in a worker: networks are loaded, and a basis of hundreds of megabytes is read."""
    read = sections.Config.model_validate_json(config)
    return build_generator(read), build_analysis(read), MorphableModel.load(files.TOPO_ASSETS / MODEL)
