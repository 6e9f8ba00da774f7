"""From the code and attributes of a photographed person to the views that a texture is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from ffhq_uv.editing.edits import PUBLISHED, PUBLISHED_VIEWS, Edit, along
from ffhq_uv.editing.expression import IsHappy, Walk, walk
from ffhq_uv.editing.slots import EXPRESSION

LARGEST = 1e3
"""Of a number of a code that did not diverge; those of people lie within 5."""


class Solver(Protocol):
    """Follows the flow: `exact_solver.ExactSolver` or `published_solver.PublishedSolver`."""

    def front(self, codes: Tensor, attributes: Tensor, edits: Sequence[Edit], ids: Sequence[str]) -> Tensor:
        """Codes float32 [B, 18, 512] of samples with attributes [B, 17] after edits, one after the other."""
        ...

    def views(
        self, fronts: Tensor, attributes: Tensor, views: Sequence[Edit], ids: Sequence[str], solves: int
    ) -> Tensor:
        """Codes float32 [B, V, 18, 512] of views of fronts [B, 18, 512] with attributes [B, 17]; ``solves`` went
        before."""
        ...


@dataclass(frozen=True)
class Procedure:
    """What is done to every code, needed or not.

    edits   kept, one after the other
    smile   how it is taken away after them; None: it stays
    views   each made of the front alone, in their order
    """

    edits: tuple[Edit, ...] = PUBLISHED
    smile: Walk | None = field(default_factory=Walk)
    views: tuple[Edit, ...] = PUBLISHED_VIEWS


@dataclass(frozen=True)
class Normalised:
    """Views of a batch, by name; ``front`` is among them.

    codes        float32 [B, 18, 512]
    attributes   float32 [B, 17]
    moved        how far each layer of the front moved, its Euclidean length, float32 [B, 18]
    rounds       further rounds against the smile
    happy        whether the recogniser still sees a happy face; None where it was not asked
    diverged     bool [B]: some number of the codes is not finite, or beyond `LARGEST`
    """

    codes: dict[str, Tensor]
    attributes: dict[str, Tensor]
    moved: Tensor
    rounds: list[int]
    happy: list[bool | None]
    diverged: Tensor


def normalise(
    solver: Solver,
    procedure: Procedure,
    codes: Tensor,
    attributes: Tensor,
    smiles: Sequence[float],
    direction: Tensor,
    ids: Sequence[str],
    is_happy: IsHappy | None = None,
) -> Normalised:
    """Edit codes float32 [B, 18, 512] of samples with attributes [B, 17], after FFHQ-UV's third step.

    smiles      as recorded, 0..1
    direction   of a growing smile, float32 [512]
    is_happy    who is asked after the smile was taken away; None: nobody
    """
    front = solver.front(codes, attributes, procedure.edits, ids)
    told = along(attributes, procedure.edits)[-1].clone()
    rounds: list[int] = [0] * len(ids)
    happy: list[bool | None] = [None] * len(ids)
    if procedure.smile is not None:
        front, rounds, happy = walk(front, smiles, direction, procedure.smile, is_happy)
        told[:, EXPRESSION] = 0
    # Two solves an edit, and the encoding after the smile: of those the published solver numbers its probes.
    solves = 2 * len(procedure.edits) + (procedure.smile is not None)
    turned = solver.views(front, told, procedure.views, ids, solves)
    views = {view.name: turned[:, number] for number, view in enumerate(procedure.views)}
    sane = (torch.stack([front, *views.values()], 1).abs() <= LARGEST).flatten(1).all(1)
    return Normalised(
        {"front": front, **views},
        {"front": told, **{view.name: view.of(told) for view in procedure.views}},
        torch.linalg.vector_norm(front - codes, dim=-1),
        rounds,
        happy,
        ~sane,
    )


def needed(procedure: Procedure, attributes: Tensor) -> list[list[str]]:
    """Of samples with attributes [B, 17], the edits that have something to change; all are done in any case."""
    path = along(attributes, procedure.edits)
    changed = (path[1:] != path[:-1]).any(-1)
    names = [edit.name for edit in procedure.edits]
    smile = attributes[:, EXPRESSION] != 0 if procedure.smile is not None else torch.zeros(len(attributes)).bool()
    return [
        [name for name, one in zip(names, row, strict=True) if one] + ["smile"] * bool(last)
        for row, last in zip(changed.T.tolist(), smile.tolist(), strict=True)
    ]
