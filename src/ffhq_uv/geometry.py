"""The words that the rooms share: the views of a sample, and where its mesh lands in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # whoever only needs the names of the views need not wait for torch
    import torch
    from torch import Tensor

VIEWS = ("left", "front", "right")
"""A sample's views in the order of every view axis; named by the cheek that the viewer sees."""

FRONT = VIEWS.index("front")


@dataclass(frozen=True)
class Geometry:
    """Where the vertices of a batch of heads land in each of their views.

    ``B`` samples, ``V`` views (3 in the order of `VIEWS`, or 1), ``N`` vertices, faces of ``H`` x ``W``.

    xy           float32 [B, V, N, 2], pixels of the face: column from the left, row from the top
    depth        float32 [B, V, N], distance from the camera along its axis, model units (1 is about 10 cm)
    normals      float32 [B, V, N, 3], unit vertex normals in camera axes; z points to the viewer
    skin         bool    [B, V, H, W], pixels that show skin of the face (no hair, eyes, background)
    identity     float32 [B, V, I], 3DMM identity coefficients
    expression   float32 [B, V, E], 3DMM expression coefficients
    reasons      per sample: None, or why it could not be analysed (its other entries are then undefined)
    notes        per sample: None, or what to know of it although it was analysed, such as ``landmarks_guessed:left``;
                 None in place of the tuple: nothing of any
    eyes         bool    [B, V, H, W], pixels that show eyes, and the lids around them that ``skin`` leaves out;
                 None: the analysis does not know
    mouth        bool    [B, V, H, W], pixels that show the inside of the mouth; likewise
    error        float32 [B, V], how far a landmark is still expected to be off (posterior RMS), pixels of the face;
                 NaN, or None in place of the tensor: nothing is known
    """

    xy: Tensor
    depth: Tensor
    normals: Tensor
    skin: Tensor
    identity: Tensor
    expression: Tensor
    reasons: tuple[str | None, ...]
    notes: tuple[str | None, ...] | None = None
    eyes: Tensor | None = None
    mouth: Tensor | None = None
    error: Tensor | None = None

    def select(self, rows: list[int]) -> Geometry:
        """The geometry of the given samples of the batch."""
        return Geometry(
            self.xy[rows],
            self.depth[rows],
            self.normals[rows],
            self.skin[rows],
            self.identity[rows],
            self.expression[rows],
            tuple(self.reasons[row] for row in rows),
            None if self.notes is None else tuple(self.notes[row] for row in rows),
            None if self.eyes is None else self.eyes[rows],
            None if self.mouth is None else self.mouth[rows],
            None if self.error is None else self.error[rows],
        )

    def to(self, device: torch.device | str) -> Geometry:
        """The same geometry on another device."""
        return Geometry(
            self.xy.to(device),
            self.depth.to(device),
            self.normals.to(device),
            self.skin.to(device),
            self.identity.to(device),
            self.expression.to(device),
            self.reasons,
            self.notes,
            None if self.eyes is None else self.eyes.to(device),
            None if self.mouth is None else self.mouth.to(device),
            None if self.error is None else self.error.to(device),
        )
