"""The published analysis of a face: landmarks, alignment, Deep3D on HiFi3D++, face parsing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis.alignment import AlignmentError, align, cut, load_model_points
from ffhq_uv.analysis.deep3d_network import Coefficients, load_deep3d
from ffhq_uv.analysis.five_points import DetectedPoints, Fallback
from ffhq_uv.analysis.landmark_correction import Correction
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.parsing import FaceParser
from ffhq_uv.analysis.placement import Head, Unusable, place_all, view_names
from ffhq_uv.analysis.refine import Refiner
from ffhq_uv.analysis.skin import eye_margin, masks
from ffhq_uv.camera import Alignment
from ffhq_uv.formats.published import DEEP3D, MODEL, MODEL_POINTS, PARSING
from ffhq_uv.geometry import Geometry
from ffhq_uv.networks import Precision, folded, inference, quickened, usable_device
from ffhq_uv.networks.allocator import keep_freed_memory, return_freed_memory


class Deep3DAnalysis:
    """Upstream's step 4 up to the geometry, with dlib's landmarks in place of two TensorFlow graphs.

    checkpoints   the published folder, of which `DEEP3D`, `PARSING` and dlib's model are used
    topo_assets   the published folder, of which `MODEL` and `MODEL_POINTS` are used
    device        where the networks run; landmarks and crops are made on the CPU
    fallback      what becomes of a face in which no detector finds one: "none": the sample gets the reason
                  ``no_landmarks:left``; "mean": its points are guessed at their mean place in aligned faces, and the
                  sample gets the note ``landmarks_guessed:left``
    correction    of dlib's landmarks, see `DetectedPoints`
    refine        whether to move the heads to the landmarks
    precision     of face parsing; the head is fitted in float32, since the last digits of a pose are pixels

    Further reasons: ``landmarks_degenerate:left``, ``no_skin:left``, ``analysis_nonfinite:left``,
    ``head_behind_camera:left``. Raises FileNotFoundError, ValueError or RuntimeError for a file or package that is
    missing or not usable.
    """

    def __init__(
        self,
        checkpoints: Path,
        topo_assets: Path,
        *,
        device: str,
        fallback: Fallback = "none",
        correction: Correction = "upstream",
        refine: bool = False,
        precision: Precision = "float32",
    ) -> None:
        self._device = usable_device(device)
        return_freed_memory()  # while weights are rearranged; blocks freed in the heap would stay: a tenth of the peak
        self.model = MorphableModel.load(topo_assets / MODEL).to(self._device)
        self._refine = Refiner(self.model) if refine else None
        self.points = DetectedPoints(checkpoints, fallback, correction)
        self._model_points = load_model_points(topo_assets / MODEL_POINTS)
        self._network = quickened(folded(load_deep3d(checkpoints / DEEP3D)), self._device, channels=256)
        self._parser = FaceParser(checkpoints / PARSING, device, precision)
        keep_freed_memory()
        for basis, layer in (("identity", "0"), ("expression", "1.0")):
            predicted = self._network.get_parameter(f"final_layers.{layer}.bias").shape[0]
            expected = getattr(self.model, basis).shape[1]
            if predicted != expected:
                raise ValueError(
                    f"{checkpoints / DEEP3D} predicts {predicted} {basis} coefficients, {topo_assets / MODEL} has "
                    f"{expected}: they belong to different models"
                )

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> Geometry:
        """See `analysis.Analysis`. One sample at a time: what is found does not depend on the batch around it."""
        with inference():
            return place_all(self.model, map(self._head, faces), *faces.shape[:4]).to(faces.device)

    def _head(self, faces: Tensor) -> Head | str:
        try:
            return self._find(faces)
        except Unusable as error:
            return str(error)

    def _find(self, faces: Tensor) -> Head:
        """What is found in one sample's faces uint8 [V, H, W, 3]."""
        names = view_names(len(faces))
        pictures = np.ascontiguousarray(faces.cpu().numpy())
        landmarks = [self.points.landmarks(face, view) for view, face in zip(names, pictures, strict=True)]
        alignments = [self._align(*view) for view in zip(pictures, names, landmarks, strict=True)]
        crops = np.stack([cut(face, alignment) for face, alignment in zip(pictures, alignments, strict=True)])
        inputs = torch.from_numpy(crops).to(self._device).movedim(3, 1).float() / 255
        found = self._network.coefficients(inputs)
        skin, eyes, mouth = self._masks(faces)
        for at, view in enumerate(names):
            if not finite(found, at):
                raise Unusable(f"analysis_nonfinite:{view}")
            if not skin[at].any():
                raise Unusable(f"no_skin:{view}")
        guessed = [view for view, points in zip(names, landmarks, strict=True) if points is None]
        note = f"landmarks_guessed:{','.join(guessed)}" if guessed else None
        head = Head(
            found.identity, found.expression, found.angle, found.translation, alignments, skin, eyes, mouth, note
        )
        if self._refine is None:
            return head
        return self._refine(head, np.stack([np.full((68, 2), np.nan) if x is None else x for x in landmarks]))

    def _align(self, face: NDArray[np.uint8], view: str, landmarks: NDArray[np.float64] | None) -> Alignment:
        """One face's alignment by its landmarks [68, 2]; None: they are guessed."""
        height, width = face.shape[:2]
        points = self.points.five(face, view, landmarks)
        upwards = np.stack([points[:, 0], height - 1 - points[:, 1]], axis=1)
        try:
            return align(upwards, self._model_points, width, height)
        except AlignmentError:
            raise Unusable(f"landmarks_degenerate:{view}") from None

    def _masks(self, faces: Tensor) -> Tensor:
        """Skin, eyes and mouth bool [3, V, H, W] of faces uint8 [V, H, W, 3]."""
        classes = self._parser(faces).cpu().numpy()
        return torch.from_numpy(masks(classes, eye_margin(classes.shape[2]))).to(self._device)


def finite(found: Coefficients, row: int) -> bool:
    """Whether the coefficients that place a head are numbers."""
    parts = (found.identity, found.expression, found.angle, found.translation)
    return all(bool(part[row].isfinite().all()) for part in parts)
