"""The one path from codes to measurements, which ``measure`` and ``extract`` share.

latents -> faces -> geometry -> texture -> measurements, a batch of samples at a time. A sample that any room refuses
leaves the batch with its reason; one that makes a room fail is found by running the batch's samples one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ffhq_uv.analysis import Analysis
from ffhq_uv.chain.build import (
    Expression,
    Pictures,
    build_analysis,
    build_expression,
    build_generator,
    build_identity,
    build_light,
    build_texturer,
    check_studio,
)
from ffhq_uv.chain.encoders import Encoder
from ffhq_uv.chain.measurements import Sample
from ffhq_uv.config import Config
from ffhq_uv.faults import PassingError, in_words, is_passing
from ffhq_uv.generator import Generator
from ffhq_uv.geometry import FRONT
from ffhq_uv.once import once_a_run
from ffhq_uv.quality.area import valid_area_ratio
from ffhq_uv.quality.bs_error import bs_error, mean_luma
from ffhq_uv.quality.skin_tone import skin_tone
from ffhq_uv.shards.phases import phase
from ffhq_uv.store import files
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.topology import load_topology


@dataclass(frozen=True)
class Chain:
    """The rooms that a configuration names, ready for batches; ``face`` marks the face's texels, bool [S, S]."""

    generator: Generator
    analysis: Analysis
    texturer: Texturer
    face: Tensor
    expression: Expression
    identity: Encoder
    light: Pictures | None

    def samples(self, latents: Tensor, ids: Sequence[str], recorded: Sequence[float | None]) -> list[Sample]:
        """Textures and measurements of codes float32 [B, 3, 18, 512] and recorded expressions (0 is neutral)."""
        return _one_by_one_if_it_fails(self._samples, latents, ids, recorded)

    def people(self, latents: Tensor, ids: Sequence[str]) -> list[Sample]:
        """Identity embeddings of un-normalised people, codes float32 [B, 1, 18, 512]."""
        return _one_by_one_if_it_fails(self._people, latents, ids, [None] * len(ids))

    def _samples(self, latents: Tensor, ids: Sequence[str], recorded: Sequence[float | None]) -> list[Sample]:
        with phase("generate"):
            faces, reasons = self.generator(latents, ids)
        with phase("analyse"):
            geometry = self.analysis(faces, latents, ids)
        reasons = _first(reasons, geometry.reasons)
        good = [row for row, reason in enumerate(reasons) if reason is None]
        samples = {row: Sample(ids[row], reason) for row, reason in enumerate(reasons) if reason is not None}
        if good:
            found, drawn = geometry.select(good), faces[good]
            fronts = drawn[:, FRONT]
            with phase("texture"):
                textures = self.texturer(drawn, found)
            with phase("measure"):
                who = self.identity(drawn, latents[good], [ids[row] for row in good], found)
                errors = bs_error(textures.maps)
                columns = {
                    "note": _first(found.notes or [None] * len(good), who.notes),
                    "bs_error": errors.tolist(),
                    "bs_error_of_luma": (100 * errors / mean_luma(textures.maps)).tolist(),
                    "valid_area_ratio": valid_area_ratio(textures.coverage, self.face).tolist(),
                    "expression": self.expression(fronts, found, [recorded[row] for row in good]),
                    "light": [None] * len(good) if self.light is None else self.light(fronts).tolist(),
                    "skin_tone": skin_tone(textures.maps, textures.coverage).tolist(),
                    "identity": who.vectors.tolist(),
                }
            refused = _first(textures.reasons, who.reasons)
            for place, row in enumerate(good):
                reason = refused[place]
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
        good = [row for row, reason in enumerate(reasons) if reason is None]
        samples = {row: Sample(ids[row], reason) for row, reason in enumerate(reasons) if reason is not None}
        if good:
            who = self.identity(faces[good], latents[good], [ids[row] for row in good], None)
            for row, reason, note, vector in zip(good, who.reasons, who.notes, who.vectors.tolist(), strict=True):
                measured = {"note": note, "identity": vector} if reason is None else {}
                samples[row] = Sample(ids[row], reason, measured)
        return [samples[row] for row in range(len(ids))]


@once_a_run
def build(config: Config) -> Chain:
    """The rooms of a configuration; built once a process.

    Raises ConfigError where the studio is to read codes that are not its own (`check_studio`).
    """
    check_studio(config.generator, config.analysis)
    topology = load_topology(files.TOPO_ASSETS, config.texture.size)
    analysis = build_analysis(config)
    return Chain(
        build_generator(config),
        analysis,
        build_texturer(config, topology),
        torch.from_numpy(topology.minor_union),
        build_expression(config),
        build_identity(config, analysis),
        build_light(config),
    )


def _first(*reasons: Sequence[str | None]) -> tuple[str | None, ...]:
    """The first reason of each sample."""
    return tuple(next(filter(None, sample), None) for sample in zip(*reasons, strict=True))


def _one_by_one_if_it_fails(
    function: Callable[[Tensor, Sequence[str], Sequence[float | None]], list[Sample]],
    latents: Tensor,
    ids: Sequence[str],
    recorded: Sequence[float | None],
) -> list[Sample]:
    try:
        return function(latents, ids, recorded)
    except Exception as error:
        if isinstance(error, OSError) and files.cannot_write(error):
            raise  # no fault of the sample's
        if len(ids) == 1 and is_passing(error):
            raise PassingError(f"{ids[0]}: {type(error).__name__}: {error}") from error
        if len(ids) == 1:
            return [Sample(ids[0], in_words(error))]
    return [
        sample
        for row in range(len(ids))
        for sample in _one_by_one_if_it_fails(
            function, latents[row : row + 1], ids[row : row + 1], recorded[row : row + 1]
        )
    ]
