"""The one path from codes to measurements, which ``measure`` and ``extract`` share.

latents -> faces -> geometry -> texture -> measurements, a batch of samples at a time. A sample that any room refuses
leaves the batch with its reason; one that makes a room fail is found by running the batch's samples one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv import config as settings
from ffhq_uv.analysis import Analysis
from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.studio import StudioAnalysis
from ffhq_uv.generator import Generator
from ffhq_uv.generator.recorded import RecordedGenerator
from ffhq_uv.generator.studio import StudioGenerator
from ffhq_uv.geometry import FRONT, Geometry
from ffhq_uv.quality.area import valid_area_ratio
from ffhq_uv.quality.bs_error import bs_error
from ffhq_uv.quality.expression import coefficient_expression
from ffhq_uv.quality.identity import dct_embedding
from ffhq_uv.quality.skin_tone import skin_tone
from ffhq_uv.stages import files
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import Topology, load_topology


@dataclass(frozen=True)
class Sample:
    """What became of one sample: why it failed, or its measurements and pictures.

    measurements   a row of the measurements table, without id and reason
    faces          uint8 [V, H, W, 3]
    texture        uint8 [S, S, 3]
    """

    id: str
    reason: str | None
    measurements: dict[str, Any] = field(default_factory=dict)
    faces: NDArray[np.uint8] | None = None
    texture: NDArray[np.uint8] | None = None

    def row(self) -> dict[str, Any]:
        """The sample's row of the measurements table."""
        return {"id": self.id, "reason": self.reason, **self.measurements}


@dataclass(frozen=True)
class Chain:
    """The rooms that a configuration names, ready to be used on batches."""

    generator: Generator
    analysis: Analysis
    texturer: Texturer
    topology: Topology
    expression: str
    identity: str

    def samples(self, latents: Tensor, ids: Sequence[str], smiles: Sequence[float | None]) -> list[Sample]:
        """Textures and measurements of codes float32 [B, 3, 18, 512]; ``smiles`` are the recorded ones (0..1)."""
        return _one_by_one_if_it_fails(self._samples, latents, ids, smiles)

    def people(self, latents: Tensor, ids: Sequence[str]) -> list[Sample]:
        """Identity embeddings of un-normalised people, codes float32 [B, 1, 18, 512]."""
        return _one_by_one_if_it_fails(self._people, latents, ids, [None] * len(ids))

    def _samples(self, latents: Tensor, ids: Sequence[str], smiles: Sequence[float | None]) -> list[Sample]:
        faces, reasons = self.generator(latents, ids)
        geometry = self.analysis(faces, latents, ids)
        reasons = _first(reasons, geometry.reasons)
        good = [row for row, reason in enumerate(reasons) if reason is None]
        samples = {row: Sample(ids[row], reason) for row, reason in enumerate(reasons) if reason is not None}
        if good:
            textures = self.texturer(faces[good], geometry.select(good))
            columns = {
                "bs_error": bs_error(textures.maps).tolist(),
                "valid_area_ratio": valid_area_ratio(textures.coverage, self.topology.minor_union).tolist(),
                "expression": self._expression(geometry.select(good), [smiles[row] for row in good]),
                "skin_tone": skin_tone(textures.maps, textures.coverage).tolist(),
                "identity": self._identity(faces[good, FRONT], geometry.select(good)).tolist(),
            }
            for place, row in enumerate(good):
                reason = textures.reasons[place]
                samples[row] = Sample(
                    ids[row],
                    reason,
                    {name: values[place] for name, values in columns.items()} if reason is None else {},
                    faces[row].cpu().numpy(),
                    textures.maps[place].cpu().numpy(),
                )
        return [samples[row] for row in range(len(ids))]

    def _people(self, latents: Tensor, ids: Sequence[str], _: Sequence[float | None]) -> list[Sample]:
        faces, reasons = self.generator(latents, ids)
        geometry = self.analysis(faces, latents, ids) if self.identity == "coefficients" else None
        if geometry is not None:
            reasons = _first(reasons, geometry.reasons)
        embeddings = self._identity(faces[:, 0], geometry).tolist()
        return [
            Sample(id, reason, {} if reason else {"identity": embedding}, face)
            for id, reason, embedding, face in zip(ids, reasons, embeddings, faces.cpu().numpy(), strict=True)
        ]

    def _expression(self, geometry: Geometry, smiles: Sequence[float | None]) -> Sequence[float | None]:
        if self.expression == "recorded":
            return smiles
        return coefficient_expression(geometry.expression[:, FRONT]).tolist()  # type: ignore[no-any-return]

    def _identity(self, fronts: Tensor, geometry: Geometry | None) -> Tensor:
        if self.identity == "coefficients":
            assert geometry is not None
            return geometry.identity[:, min(FRONT, geometry.identity.shape[1] - 1)]
        return dct_embedding(fronts)


@lru_cache(maxsize=1)
def build(config: settings.Config) -> Chain:
    """The rooms of a configuration; built once a process."""
    topology = load_topology(files.TOPO_ASSETS, config.texture.size)
    return Chain(
        _generator(config.generator),
        _analysis(config),
        PublishedTexturer(topology),
        topology,
        config.expression.name,
        config.identity.name,
    )


def _generator(section: settings.StudioGenerator | settings.RecordedGenerator) -> Generator:
    match section:
        case settings.StudioGenerator(size=size, samples=samples):
            return StudioGenerator(size, samples)
        case settings.RecordedGenerator():
            return RecordedGenerator(files.ARCHIVES)


def _analysis(config: settings.Config) -> Analysis:
    match config.analysis:
        case settings.StudioAnalysis(noise=noise):
            return StudioAnalysis(files.TOPO_ASSETS, noise, config.seed)
        case settings.RecordedAnalysis():
            return RecordedAnalysis(files.ARCHIVES, files.TOPO_ASSETS)


def _first(*reasons: Sequence[str | None]) -> tuple[str | None, ...]:
    """The first reason of each sample."""
    return tuple(next(filter(None, sample), None) for sample in zip(*reasons, strict=True))


def _one_by_one_if_it_fails(
    function: Callable[[Tensor, Sequence[str], Sequence[float | None]], list[Sample]],
    latents: Tensor,
    ids: Sequence[str],
    smiles: Sequence[float | None],
) -> list[Sample]:
    try:
        return function(latents, ids, smiles)
    except Exception as error:
        if len(ids) == 1:
            return [Sample(ids[0], f"error: {type(error).__name__}: {error}")]
    return [
        sample
        for row in range(len(ids))
        for sample in _one_by_one_if_it_fails(
            function, latents[row : row + 1], ids[row : row + 1], smiles[row : row + 1]
        )
    ]


def check_failures(reasons: Sequence[str | None], max_share: float, stage: str) -> None:
    """Raise RuntimeError, with the reasons counted, if more than ``max_share`` (0..1) of the samples failed."""
    failed = Counter(reason for reason in reasons if reason is not None)
    if failed.total() > max_share * len(reasons):
        listed = "\n".join(f"  {count:6} x {reason}" for reason, count in failed.most_common(10))
        raise RuntimeError(
            f"{stage}: {failed.total()} of {len(reasons)} samples failed, more than failures.max_share={max_share}:\n{listed}"
        )
