"""The analysis that upstream's step 4 saved: coefficients, alignment and segmentation of every view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.placement import Head, Unusable, place_all
from ffhq_uv.analysis.refine import Refiner
from ffhq_uv.analysis.skin import masks
from ffhq_uv.camera import Alignment
from ffhq_uv.faults import PassingError, check_gone
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.published import MODEL
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS, Geometry

MAX_BYTES = 64 << 20
"""Largest file that is read; the published ones have 16 kB, 1 kB and 30 kB."""


class MissingPart(Unusable):
    """Step 4 saved nothing of the kind."""


class RecordedAnalysis:
    """Reads ``dataset_project/unwrap_texture/<id>/<id>_final_*``: coeffs, trans_params and seg_result.

    refine   whether to move the heads to the saved landmarks, ``lm68_2d``

    Only samples with three views were analysed. Reasons: ``missing_analysis:coeffs``, ``missing_view:left``,
    ``analysis_unreadable:trans_params: ...``, ``analysis_nonfinite:left``, ``no_skin:left``.
    """

    def __init__(self, archives: Path, topo_assets: Path, *, refine: bool = False) -> None:
        self._folder = archives / "dataset_project" / "unwrap_texture"
        self._model = MorphableModel.load(topo_assets / MODEL)
        self._refine = Refiner(self._model) if refine else None

    def __call__(self, faces: Tensor, latents: Tensor, ids: Sequence[str]) -> Geometry:
        """The geometry of faces uint8 [B, V, H, W, 3] by their samples' ids; ``latents`` are not used.

        Coordinates are clipped to the face and stored as float32, as upstream does.
        """
        heads = (self._head(id, *faces.shape[1:4]) for id in ids)
        return place_all(self._model, heads, *faces.shape[:4]).to(faces.device)

    def landmarks(self, id: str, height: int) -> NDArray[np.float64] | None:
        """The iBUG landmarks [V, 68, 2] (column, row) of a sample's faces, or None if it has none saved.

        height    of the faces, pixels: in the file y counts from the bottom

        Raises Unusable for a file that is damaged.
        """
        try:
            stored = _views(self._load(id, "lm68_2d", "pt", read_torch), "lm68_2d")
        except MissingPart:
            return None
        views = [np.asarray(stored[view]) for view in VIEWS]
        for view, points in zip(VIEWS, views, strict=True):
            if points.shape != (68, 2) or points.dtype.kind != "f" or not np.isfinite(points).all():
                raise Unusable(f"analysis_unreadable:lm68_2d: {view} holds no 68 points")
        return np.stack(views).astype(np.float64) * (1, -1) + (0, height - 1)

    def _head(self, id: str, views: int, height: int, width: int) -> Head | str:
        try:
            coefficients, alignments, parsed = self._read(id, views, height, width)
            identity, expression, angle, translation = (coefficients[kind] for kind in ("id", "exp", "angle", "trans"))
            head = Head(identity, expression, angle, translation, alignments, *parsed)
            if self._refine is None:
                return head
            landmarks = self.landmarks(id, height)
            if landmarks is None:
                raise MissingPart("missing_analysis:lm68_2d")
            return self._refine(head, landmarks)
        except Unusable as error:
            return str(error)

    def _read(self, id: str, views: int, height: int, width: int) -> tuple[dict[str, Tensor], list[Alignment], Tensor]:
        """One sample's coefficients [V, ...], alignments, and its skin, eyes and mouth [3, V, H, W]."""
        if views != len(VIEWS):
            raise Unusable("missing_analysis:inversion")
        sizes = {
            "id": self._model.identity.shape[1],
            "exp": self._model.expression.shape[1],
            "angle": 3,
            "trans": 3,
        }
        stored = _views(self._load(id, "coeffs", "pt", read_torch), "coeffs")
        coefficients = {key: _coefficients(stored, key, size) for key, size in sizes.items()}
        aligned = _views(self._load(id, "trans_params", "pt", read_torch), "trans_params")
        alignments = [_alignment(view, aligned[view], (width, height)) for view in VIEWS]
        classes = self._load(id, "seg_result", "png", read_png)
        if classes.shape != (height, width, len(VIEWS)):
            raise Unusable(f"analysis_unreadable:seg_result: {classes.shape}, the faces are {(height, width)}")
        parsed = torch.from_numpy(masks(np.moveaxis(classes, -1, 0)))
        for view, skin in zip(VIEWS, parsed[0], strict=True):
            if not skin.any():
                raise Unusable(f"no_skin:{view}")
        return coefficients, alignments, parsed

    def _load(self, id: str, part: str, type: str, read: Callable[[bytes, str], Any]) -> Any:
        path = self._folder / id / f"{id}_final_{part}.{type}"
        try:
            if not id.isdigit():
                raise ValueError("no sample id")
            if (size := path.stat().st_size) > MAX_BYTES:
                raise ValueError(f"refuses {size} bytes")
            return read(path.read_bytes(), path.name)
        except FileNotFoundError:
            check_gone(path, self._folder.parents[1])
            raise MissingPart(f"missing_analysis:{part}") from None
        except OSError as error:
            raise PassingError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise Unusable(f"analysis_unreadable:{part}: {error}") from error


def _views(value: Any, part: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unusable(f"analysis_unreadable:{part}: no dict of views")
    for view in VIEWS:
        if view not in value:
            raise Unusable(f"missing_view:{view}")
    return value


def _coefficients(stored: dict[str, Any], key: str, size: int) -> Tensor:
    """One kind of coefficients of every view, float32 [V, size]."""
    rows = []
    for view in VIEWS:
        array = stored[view].get(key) if isinstance(stored[view], dict) else None
        if not isinstance(array, np.ndarray) or array.dtype != np.float32 or array.shape != (1, size):
            found = getattr(array, "shape", "nothing")
            raise Unusable(f"analysis_unreadable:coeffs: {view} {key} is {found}, expected float32 (1, {size})")
        if not np.isfinite(array).all():
            raise Unusable(f"analysis_nonfinite:{view}")
        rows.append(array[0])
    return torch.from_numpy(np.stack(rows))


def _alignment(view: str, stored: object, size: tuple[int, int]) -> Alignment:
    """``trans_params``: six ragged entries [width, height, scale, tx, ty, 224]; the last one is constant."""
    try:
        entries = list(stored) if isinstance(stored, np.ndarray) and stored.shape == (6,) else []
        width, height, scale, tx, ty, _ = [float(np.squeeze(entry)) for entry in entries]
    except (TypeError, ValueError) as error:
        raise Unusable(f"analysis_unreadable:trans_params: {view} is no alignment of six numbers") from error
    if not np.isfinite([width, height, scale, tx, ty]).all():
        raise Unusable(f"analysis_nonfinite:{view}")
    alignment = Alignment(int(width), int(height), scale, tx, ty)
    if (alignment.width, alignment.height) != size or not 0.01 < scale < 100:
        raise Unusable(f"analysis_unreadable:trans_params: {view} is {alignment}, the faces are {size}")
    return alignment
