"""The five points of a front face by which recognition networks align it: detected, recorded, or of a known head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis.alignment import Floats, aligned_points, five_points
from ffhq_uv.analysis.landmark_correction import Correction, as_upstream
from ffhq_uv.analysis.landmark_files import DETECTOR, LANDMARKS, located
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.analysis.placement import Unusable
from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.studio import StudioAnalysis
from ffhq_uv.geometry import FRONT, VIEWS

Fallback = Literal["none", "mean"]


@dataclass(frozen=True)
class FivePoints:
    """The points of the front view of a batch.

    xy        float32 [B, 5, 2], column and row: image-left eye, image-right eye, nose tip, left and right mouth corner
    reasons   per sample: None, or why it has no points (its xy is then 0)
    notes     per sample: None, or what to know of its points, such as ``landmarks_guessed:front``
    """

    xy: Tensor
    reasons: tuple[str | None, ...]
    notes: tuple[str | None, ...]


class Finder(Protocol):
    """Finds five points."""

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> FivePoints:
        """Those of the front views of faces and latents as an `analysis.Analysis` gets them."""
        ...


class DetectedPoints:
    """dlib's landmarks.

    checkpoints  the published folder, see `landmark_files`
    fallback     what becomes of a face in which no detector finds one: "none": the reason ``no_landmarks:front``;
                 "mean": its points are guessed at their mean place in aligned faces, and noted
    correction   "upstream": dlib's landmarks are moved to where upstream's detector marks them; "none": as they are

    Raises what `DlibLandmarks` does.
    """

    def __init__(self, checkpoints: Path, fallback: Fallback = "none", correction: Correction = "upstream") -> None:
        if fallback not in ("none", "mean"):
            raise ValueError(f"fallback {fallback!r}: expected 'none' or 'mean'")
        if correction not in ("upstream", "none"):
            raise ValueError(f"correction {correction!r}: expected 'upstream' or 'none'")
        self._landmarks = DlibLandmarks(located(checkpoints, LANDMARKS), located(checkpoints, DETECTOR))
        self._fallback = fallback
        self._correct = correction == "upstream"

    def landmarks(self, face: NDArray[np.uint8], view: str) -> Floats | None:
        """The 68 landmarks [68, 2] (column, row) of a face uint8 [H, W, 3]; None: to be guessed. Raises Unusable."""
        landmarks = self._landmarks(face)
        if landmarks is None and self._fallback == "none":
            raise Unusable(f"no_landmarks:{view}")
        return as_upstream(landmarks) if landmarks is not None and self._correct else landmarks

    def of(self, face: NDArray[np.uint8], view: str) -> tuple[Floats, bool]:
        """The points [5, 2] (column, row) of a face uint8 [H, W, 3], and whether they are guessed. Raises Unusable."""
        landmarks = self.landmarks(face, view)
        return self.five(face, view, landmarks), landmarks is None

    @staticmethod
    def five(face: NDArray[np.uint8], view: str, landmarks: Floats | None) -> Floats:
        """The points [5, 2] of a face by its landmarks [68, 2], or their guess."""
        if landmarks is None:
            return aligned_points(view, face.shape[1], face.shape[0])
        return five_points(torch.from_numpy(landmarks)).numpy()

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> FivePoints:
        """See `Finder`; only the pictures are used."""
        return _of_fronts(lambda face, id: self.of(face, VIEWS[FRONT]), faces, ids)


class RecordedPoints:
    """The landmarks that upstream's step 4 saved of a sample; of whom it saved none, ``others`` finds them.

    Step 4 saw the three views of normalised people. The reference people, as they were inverted, it never saw.
    """

    def __init__(self, recorded: RecordedAnalysis, others: DetectedPoints) -> None:
        self._recorded = recorded
        self._others = others

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> FivePoints:
        """See `Finder`; the codes are not used."""
        views = faces.shape[1]

        def find(face: NDArray[np.uint8], id: str) -> tuple[Floats, bool]:
            landmarks = self._recorded.landmarks(id, face.shape[0]) if views == len(VIEWS) else None
            if landmarks is None:
                return self._others.of(face, VIEWS[FRONT])
            return five_points(torch.from_numpy(landmarks[FRONT])).numpy(), False

        return _of_fronts(find, faces, ids)


class StudioPoints:
    """The points of the studio's people, whose heads are known."""

    def __init__(self, studio: StudioAnalysis) -> None:
        self._studio = studio

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> FivePoints:
        """See `Finder`."""
        front = min(FRONT, faces.shape[1] - 1)
        geometry = self._studio(faces[:, front : front + 1], latents[:, front : front + 1], ids)
        points = five_points(geometry.xy[:, 0, self._studio.model.keypoints.to(geometry.xy.device)])
        return FivePoints(points, geometry.reasons, (None,) * len(ids))


def _of_fronts(
    find: Callable[[NDArray[np.uint8], str], tuple[Floats, bool]], faces: Tensor, ids: Sequence[str]
) -> FivePoints:
    """What is found in every front view, by the picture and the sample's id."""
    fronts = np.ascontiguousarray(faces[:, min(FRONT, faces.shape[1] - 1)].cpu().numpy())
    xy = torch.zeros(len(ids), 5, 2)
    reasons: list[str | None] = [None] * len(ids)
    notes: list[str | None] = [None] * len(ids)
    for row, (face, id) in enumerate(zip(fronts, ids, strict=True)):
        try:
            points, guessed = find(face, id)
        except Unusable as error:
            reasons[row] = str(error)
            continue
        xy[row] = torch.from_numpy(points)
        notes[row] = f"landmarks_guessed:{VIEWS[FRONT]}" if guessed else None
    return FivePoints(xy.to(faces.device), tuple(reasons), tuple(notes))
