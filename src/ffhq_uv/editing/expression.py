"""Walking a code along one direction until its face is no longer happy.

The flow is not asked: the smile goes along the direction that InterFaceGAN's method found for it (Shen et al. 2020), as
far as the recorded smile says, and then in smaller steps while a recogniser still sees a happy face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ffhq_uv.editing.flow_network import WIDTH
from ffhq_uv.formats.unpickle import UnpickleError, load_torch
from ffhq_uv.networks import WeightsError

IsHappy = Callable[[Tensor, Sequence[int]], Sequence[bool]]
"""Whether the faces of codes float32 [k, 18, 512] are happy; which samples of the batch they are, [k]."""


@dataclass(frozen=True)
class Walk:
    """How far to go.

    per_smile   lengths of the direction for a smile of 1; less than 0 takes it away
    step        share of the first way that each further round goes
    rounds      most of them
    """

    per_smile: float = -2.0
    step: float = 0.05
    rounds: int = 5


def read_direction(path: Path) -> Tensor:
    """The direction float32 [512] of ``expression_direction.pt``, which holds it as [1, 512].

    Raises FileNotFoundError, or WeightsError for a file that is damaged, hostile or something else.
    """
    try:
        content = load_torch(path, str(path))
    except UnpickleError as error:
        raise WeightsError(f"{error}; download it again") from error
    found = content.detach().float() if isinstance(content, Tensor) else torch.empty(0)
    if found.shape != (1, WIDTH):
        what = f"a tensor {tuple(content.shape)}" if isinstance(content, Tensor) else type(content).__name__
        raise WeightsError(f"{path}: holds {what}, expected a tensor (1, {WIDTH})")
    if not found.isfinite().all() or not found.any():
        raise WeightsError(f"{path}: holds NaN, infinity, or nothing but zeros; download it again")
    return found[0]


def walk(
    codes: Tensor, smiles: Sequence[float], direction: Tensor, way: Walk, is_happy: IsHappy | None
) -> tuple[Tensor, list[int], list[bool | None]]:
    """Codes float32 [B, 18, 512] without the smiles 0..1 that were recorded of them.

    All layers go along the direction float32 [512]. Nobody is asked about a smile of 0: it has no way to go.
    Returns the codes, how many further rounds each took, and whether it is happy still, where that was asked.
    """
    ways = [way.per_smile * smile for smile in smiles]
    walked = codes + codes.new_tensor(ways)[:, None, None] * direction
    rounds = [0] * len(ways)
    happy: list[bool | None] = [None] * len(ways)
    if is_happy is None:
        return walked, rounds, happy
    asked = [row for row, length in enumerate(ways) if length]
    while asked:
        for row, answer in zip(asked, is_happy(walked[asked], asked), strict=True):
            happy[row] = answer
        asked = [row for row in asked if happy[row] and rounds[row] < way.rounds]
        for row in asked:
            rounds[row] += 1
            walked[row] += codes.new_tensor(way.step * ways[row]) * direction
    return walked, rounds, happy
