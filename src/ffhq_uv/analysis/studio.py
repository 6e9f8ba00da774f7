"""The studio as an analysis: the geometry of its own people, read out of their codes, not estimated.

Coefficients and pose are exact, or off by a chosen amount of noise; the vertices come through the published
files (`MorphableModel`, `camera`) like any other analysis's. The skin mask is exact in any case.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.placement import Head, land
from ffhq_uv.analysis.refine import Refiner
from ffhq_uv.formats.published import MODEL
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
    landmark_noise  standard deviation of the landmarks' error in x and y, pixels of a face of 1024, by which the heads
                    are refined; None: they are not
    """

    def __init__(self, topo_assets: Path, noise: float, seed: int, landmark_noise: float | None = None) -> None:
        self.model = MorphableModel.load(topo_assets / MODEL)
        self.noise = noise
        self.seed = seed
        self._landmark_noise = landmark_noise
        self._refine = None if landmark_noise is None else Refiner(self.model)

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
        error = None if self._refine is None else torch.full((batch, views), torch.nan)
        reasons: list[str | None] = [None] * batch
        codes = latents.detach().cpu().numpy()
        for row in range(batch):
            if not np.isfinite(codes[row]).all():
                reasons[row] = "latent_nonfinite"
                continue
            masks[:, row] = torch.from_numpy(face_masks(list(codes[row]), height))
            exact, found = self._coefficients(codes[row], ids[row])
            one = Head(*found, *poses(codes[row]), [alignment(height)] * views, *masks[:, row])
            if self._refine is not None and error is not None:
                one = self._refine(one, self._landmarks(replace(one, shape=self.model.shape(*exact)), ids[row]))
                error[row] = one.error if one.error is not None else torch.nan
            xy[row], depth[row], normals[row] = land(self.model, one)
            identity[row], expression[row] = one.identity, one.expression
        skin, eyes, mouth = masks
        geometry = Geometry(xy, depth, normals, skin, identity, expression, tuple(reasons), None, eyes, mouth, error)
        return geometry.to(latents.device)

    def _coefficients(self, views: Codes, id: str) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Identity and expression of a sample: exact [I], [E]; and with every view's noise [V, I], [V, E]."""
        one = person(views[len(views) // 2])
        exact = np.concatenate([one.identity, one.expression])
        noise = self._draw(b"analysis", id).standard_normal((len(views), len(exact)))
        both = torch.from_numpy((exact + self.noise * noise).astype(np.float32))
        size = len(one.identity)
        true = torch.from_numpy(one.identity), torch.from_numpy(one.expression)
        return true, (both[:, :size], both[:, size:])

    def _landmarks(self, exact: Head, id: str) -> NDArray[np.float64]:
        """The landmarks [V, 68, 2] (column, row) of a head whose shape is exact, with the noise."""
        marks = land(self.model, exact)[0][:, self.model.keypoints].double().numpy()
        pixel = exact.alignments[0].width / 1024
        noise = pixel * (self._landmark_noise or 0) * self._draw(b"landmarks", id).standard_normal(marks.shape)
        return np.asarray(marks + noise)

    def _draw(self, what: bytes, id: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, crc32(what), crc32(id.encode())])


def poses(views: Codes) -> tuple[Tensor, Tensor]:
    """Angle [V, 3] and translation [V, 3] of a sample's views."""
    people = [person(codes) for codes in views]
    middle = people[len(people) // 2]
    vertices = head().shape(middle.identity, middle.expression)
    angles, translations = zip(*(pose(one, vertices) for one in people), strict=True)
    return torch.stack(angles), torch.stack(translations)
