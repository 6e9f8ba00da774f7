"""Faces that are already on disk: the pictures that upstream's step 3 (or step 1) wrote."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ffhq_uv.faults import PassingError, check_gone
from ffhq_uv.formats.png import PngError, read_png
from ffhq_uv.geometry import VIEWS

MAX_BYTES = 64 << 20
"""Largest picture file that is read; the published ones have 1.2 MB."""


class RecordedGenerator:
    """Reads ``dataset_project/edit/<id>/<id>_<view>.png``, and ``inversions/<id>.png`` for a single view.

    Faces must have ``size`` x ``size`` pixels. Reasons: ``missing_view:left``, ``missing_face:inversion``,
    ``face_unreadable:front: truncated PNG``.
    """

    def __init__(self, archives: Path, size: int = 1024) -> None:
        self._folder = archives / "dataset_project"
        self._size = size

    def __call__(self, latents: Tensor, ids: Sequence[str]) -> tuple[Tensor, tuple[str | None, ...]]:
        """Faces uint8 [B, V, size, size, 3] by their samples' ids; of ``latents`` only B and V are used."""
        batch, views = latents.shape[:2]
        faces = torch.zeros(batch, views, self._size, self._size, 3, dtype=torch.uint8)
        reasons: list[str | None] = [None] * batch
        for row, id in enumerate(ids):
            for view, name in enumerate(VIEWS if views == len(VIEWS) else ("inversion",)):
                face, reasons[row] = self._face(id, name)
                if face is None:
                    faces[row] = 0
                    break
                faces[row, view] = face
        return faces.to(latents.device), tuple(reasons)

    def _face(self, id: str, view: str) -> tuple[Tensor | None, str | None]:
        """One face uint8 [size, size, 3], or why there is none."""
        inverted = view == "inversion"
        path = self._folder / (f"inversions/{id}.png" if inverted else f"edit/{id}/{id}_{view}.png")
        try:
            if not id.isdigit() or path.stat().st_size > MAX_BYTES:
                return None, f"face_unreadable:{view}: refused {id}"
            face = read_png(path.read_bytes(), f"face_unreadable:{view}")
        except FileNotFoundError:
            check_gone(path, self._folder.parent)
            return None, "missing_face:inversion" if inverted else f"missing_view:{view}"
        except OSError as error:
            raise PassingError(f"{path}: {error.strerror or error}") from error
        except PngError as error:
            return None, str(error)
        if face.shape[:2] != (self._size, self._size):
            height, width = face.shape[:2]
            return (
                None,
                f"face_unreadable:{view}: {width} x {height} pixels, expected {self._size} x {self._size}",
            )
        return torch.from_numpy(face), None
