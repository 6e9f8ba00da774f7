"""A head with known coefficients and pose, placed in its views; and the heads of a batch as one `Geometry`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import Alignment, project, rotation, vertex_normals
from ffhq_uv.geometry import FRONT, VIEWS, Geometry


class Unusable(ValueError):
    """A sample cannot be analysed; the text is its reason."""


@dataclass(frozen=True)
class Head:
    """What an analysis finds in the views of one sample.

    identity     float32 [V, I], 3DMM coefficients
    expression   float32 [V, E]
    angle        float32 [V, 3] (pitch, yaw, roll; radians)
    translation  float32 [V, 3], model units
    alignments   of every view
    skin         bool [V, H, W]
    eyes, mouth  bool [V, H, W], see `Geometry`
    note         what to know about a sample that is fine otherwise, or None
    shape        float32 [N, 3], vertices in place of those that the coefficients make, or None
    correction   float32 [N, 3], or None: all views have one shape, that of their mean coefficients and this
    error        float32 [V], see `Geometry`, or None: nothing is known
    """

    identity: Tensor
    expression: Tensor
    angle: Tensor
    translation: Tensor
    alignments: Sequence[Alignment]
    skin: Tensor
    eyes: Tensor
    mouth: Tensor
    note: str | None = None
    shape: Tensor | None = None
    correction: Tensor | None = None
    error: Tensor | None = None


def place(model: MorphableModel, head: Head) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels [V, N, 2], depth [V, N] and normals in camera axes [V, N, 3] of the model's vertices.

    Pixels are clipped to the face, as upstream does.
    """
    xy, depth, normals = land(model, head)
    largest = xy.new_tensor([[[alignment.width - 1, alignment.height - 1]] for alignment in head.alignments])
    return torch.minimum(xy.clamp(min=0), largest), depth, normals


def land(model: MorphableModel, head: Head) -> tuple[Tensor, Tensor, Tensor]:
    """What `place` returns, not clipped."""
    if head.shape is not None:
        shape = head.shape
    elif head.correction is not None:
        shape = model.shape(head.identity.mean(0), head.expression.mean(0)) + head.correction
    else:
        shape = model.shape(head.identity, head.expression)
    crop, depth = project(shape, head.angle, head.translation)
    views = zip(head.alignments, crop, strict=True)
    xy = torch.stack([alignment.crop_to_image(view) for alignment, view in views])
    normals = vertex_normals(shape, model.triangles, model.vertex_faces)
    return xy, depth, normals @ rotation(head.angle).transpose(-1, -2)


def place_all(
    model: MorphableModel, heads: Iterable[Head | str], batch: int, views: int, height: int, width: int
) -> Geometry:
    """The geometry of a batch's heads; a sample with a reason in place of a head keeps zeros.

    A head that is not wholly in front of the camera gets the reason ``head_behind_camera:left``. Heads are taken one by
    one, so that masks of those that are placed need not be kept twice.
    """
    vertices, device = len(model.mean), model.mean.device
    xy = torch.zeros(batch, views, vertices, 2, device=device)
    depth = torch.zeros(batch, views, vertices, device=device)
    normals = torch.zeros(batch, views, vertices, 3, device=device)
    skin, eyes, mouth = torch.zeros(3, batch, views, height, width, dtype=torch.bool, device=device)
    identity = torch.zeros(batch, views, model.identity.shape[1], device=device)
    expression = torch.zeros(batch, views, model.expression.shape[1], device=device)
    reasons: list[str | None] = [None] * batch
    notes: list[str | None] = [None] * batch
    error = torch.full((batch, views), torch.nan, device=device)
    for row, head in zip(range(batch), heads, strict=True):
        if isinstance(head, str):
            reasons[row] = head
            continue
        notes[row] = head.note
        placed = place(model, head)
        if hidden := [at for at in range(views) if not placed[1][at].min() > 0]:
            reasons[row] = f"head_behind_camera:{view_names(views)[hidden[0]]}"
            continue
        xy[row], depth[row], normals[row] = placed
        identity[row], expression[row] = head.identity, head.expression
        skin[row], eyes[row], mouth[row] = head.skin, head.eyes, head.mouth
        if head.error is not None:
            error[row] = head.error
    return Geometry(
        xy,
        depth,
        normals,
        skin,
        identity,
        expression,
        tuple(reasons),
        tuple(notes) if any(notes) else None,
        eyes,
        mouth,
        None if error.isnan().all() else error,
    )


def view_names(views: int) -> tuple[str, ...]:
    """The names of a sample's views; a single one is the front."""
    return VIEWS if views == len(VIEWS) else (VIEWS[FRONT],)
