"""The room of editing as a configuration names it: network, solver, edits and who is asked about smiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ffhq_uv.chain.happy import IsHappy, build_is_happy
from ffhq_uv.config import sections
from ffhq_uv.editing.edits import Edit, light
from ffhq_uv.editing.exact_solver import ExactSolver
from ffhq_uv.editing.expression import Walk, read_direction
from ffhq_uv.editing.flow_network import load_flow
from ffhq_uv.editing.normalise import Normalised, Procedure, Solver, normalise
from ffhq_uv.editing.published_solver import PublishedSolver, seeded_probe
from ffhq_uv.editing.slots import BALDNESS, GLASSES, PITCH, YAW
from ffhq_uv.formats.published import DIRECTION, FLOW
from ffhq_uv.networks import inference, usable_device
from ffhq_uv.once import once_a_run


@dataclass(frozen=True)
class Editor:
    """Edits codes of a batch."""

    procedure: Procedure
    solver: Solver
    direction: Tensor
    is_happy: IsHappy | None

    def __call__(self, codes: Tensor, attributes: Tensor, smiles: Sequence[float], ids: Sequence[str]) -> Normalised:
        """See `editing.normalise`; codes float32 [B, 18, 512], attributes [B, 17]."""

        def asked(edited: Tensor, rows: Sequence[int]) -> list[bool]:
            assert self.is_happy is not None
            return self.is_happy(edited, [ids[row] for row in rows])

        with inference():
            return normalise(
                self.solver,
                self.procedure,
                codes.to(self.direction.device),
                attributes.to(self.direction.device),
                smiles,
                self.direction,
                ids,
                None if self.is_happy is None else asked,
            )


@once_a_run
def build_editor(config: sections.Config) -> Editor:
    """The editor of a configuration with ``normalise=published``; built once a process."""
    section = config.normalise
    assert isinstance(section, sections.Normalise)
    device = usable_device(section.device)
    flow = load_flow(config.checkpoints / FLOW, section.device)
    exact = section.solver == "exact"
    return Editor(
        build_procedure(section),
        ExactSolver(flow, section.steps) if exact else PublishedSolver(flow, seeded_probe(config.seed)),
        read_direction(config.checkpoints / DIRECTION).to(device),
        build_is_happy(config) if section.smile is not None and section.smile.ask else None,
    )


def build_procedure(section: sections.Normalise) -> Procedure:
    """The edits that a configuration names, in the published order: right before left."""
    layers = {name: range(first, last + 1) for name, (first, last) in section.layers}
    singles = {"glasses": GLASSES, "yaw": YAW, "pitch": PITCH, "baldness": BALDNESS}
    targets = {name: getattr(section, name) for name in singles}
    edits = [light(section.light, layers["light"])] if section.light is not None else []
    edits += [Edit(name, {singles[name]: to}, layers[name]) for name, to in targets.items() if to is not None]
    smile = section.smile
    return Procedure(
        tuple(edits),
        None if smile is None else Walk(smile.per_smile, smile.step, smile.rounds),
        (_view("right", section.right, layers["yaw"]), _view("left", section.left, layers["yaw"])),
    )


def _view(name: str, section: sections.SideView, layers: range) -> Edit:
    angles = {YAW: section.yaw, PITCH: section.pitch}
    return Edit(name, {slot: angle for slot, angle in angles.items() if angle is not None}, layers)
