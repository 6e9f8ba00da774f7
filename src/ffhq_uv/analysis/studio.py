"""The studio as an analysis: the geometry of its own people, read out of their codes, not estimated.

Coefficients and pose are exact, or off by a chosen amount of noise; the vertices come through the published
files (`MorphableModel`, `camera`) like any other analysis's. The skin mask is exact in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import project, rotation, vertex_normals
from ffhq_uv.geometry import Geometry
from ffhq_uv.studio.codes import Codes
from ffhq_uv.studio.head import head
from ffhq_uv.studio.person import person
from ffhq_uv.studio.render import alignment, face_masks, pose


class StudioAnalysis:
    """Geometry of studio people.

    topo_assets     the folder with ``hifi3dpp_model_info.mat``
    noise           standard deviation of the error of every 3DMM coefficient, in standard deviations of that
                    coefficient among people (expression: in full expressions); drawn for each view on its own
    seed            seed of that noise, together with the sample's id
    """

    def __init__(self, topo_assets: Path, noise: float, seed: int) -> None:
        self.model = MorphableModel.load(topo_assets / "hifi3dpp_model_info.mat")
        self.noise = noise
        self.seed = seed

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> Geometry:
        """See `analysis.Analysis`. A code that is not finite gives the reason ``latent_nonfinite``."""
        batch, views, height, width = faces.shape[:4]
        if height != width:
            raise ValueError(f"faces of {height}x{width} pixels; the studio draws squares")
        count = len(self.model.mean)
        sizes = self.model.identity.shape[1], self.model.expression.shape[1]
        xy = torch.zeros(batch, views, count, 2)
        depth = torch.ones(batch, views, count)
        normals = torch.zeros(batch, views, count, 3)
        masks = torch.zeros(3, batch, views, height, width, dtype=torch.bool)
        identity, expression = (torch.zeros(batch, views, size) for size in sizes)
        reasons: list[str | None] = [None] * batch
        codes = latents.detach().cpu().numpy()
        for row in range(batch):
            if not np.isfinite(codes[row]).all():
                reasons[row] = "latent_nonfinite"
                continue
            identity[row], expression[row] = self._coefficients(codes[row], ids[row])
            vertices = self.model.shape(identity[row], expression[row])
            angle, translation = poses(codes[row])
            crop, depth[row] = project(vertices, angle, translation)
            xy[row] = alignment(height).crop_to_image(crop)
            turn = rotation(angle).transpose(-1, -2)
            normals[row] = vertex_normals(vertices, self.model.triangles, self.model.vertex_faces) @ turn
            masks[:, row] = torch.from_numpy(face_masks(list(codes[row]), height))
        skin, eyes, mouth = masks
        geometry = Geometry(xy, depth, normals, skin, identity, expression, tuple(reasons), eyes=eyes, mouth=mouth)
        return geometry.to(latents.device)

    def _coefficients(self, views: Codes, id: str) -> tuple[Tensor, Tensor]:
        """Identity [V, I] and expression [V, E] of a sample, with the noise."""
        one = person(views[len(views) // 2])
        exact = np.concatenate([one.identity, one.expression])
        rng = np.random.default_rng([self.seed, crc32(b"analysis"), crc32(id.encode())])
        found = exact + self.noise * rng.standard_normal((len(views), len(exact)))
        both = torch.from_numpy(found.astype(np.float32))
        return both[:, : len(one.identity)], both[:, len(one.identity) :]


def poses(views: Codes) -> tuple[Tensor, Tensor]:
    """Angle [V, 3] and translation [V, 3] of a sample's views."""
    people = [person(codes) for codes in views]
    middle = people[len(people) // 2]
    vertices = head().shape(middle.identity, middle.expression)
    angles, translations = zip(*(pose(one, vertices) for one in people), strict=True)
    return torch.stack(angles), torch.stack(translations)
