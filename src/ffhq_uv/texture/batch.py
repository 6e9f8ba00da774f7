"""What every texturer does with a batch: its samples one by one, some at a time, each in memory that is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.geometry import VIEWS, Geometry
from ffhq_uv.texture import Textures
from ffhq_uv.texture.topology import Topology

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Views:
    """What one sample's texture is made from.

    faces       uint8 [3, H, W, 3]
    xy          float32 [3, N, 2], pixels; depth float32 [3, N]; normals float32 [3, N, 3]
    skin        bool [3, H, W]
    error       float32 [3], how far the places are expected to be off, pixels; not a number where nobody knows
    features    bool [3, H, W] each: pixels that show eyes, or the inside of the mouth, as far as somebody knows
    """

    faces: NDArray[np.uint8]
    xy: Floats
    depth: Floats
    normals: Floats
    skin: NDArray[np.bool_]
    error: Floats
    features: tuple[NDArray[np.bool_], ...]

    def fault(self) -> str | None:
        """Why no texture can be made of them, or None."""
        height, width = self.skin.shape[1:]
        for view, xy, normals, skin in zip(VIEWS, self.xy, self.normals, self.skin, strict=True):
            # a sum is finite if all its terms are: float64 holds that of any float32
            if not (np.isfinite(xy.sum(dtype=np.float64)) and np.isfinite(normals.sum(dtype=np.float64))):
                return f"projection_nonfinite:{view}"
            column, row = xy[:, 0], xy[:, 1]
            if not ((column >= 0) & (column < width) & (row >= 0) & (row < height)).any():
                return f"head_outside_image:{view}"
            if not skin.any():
                return f"no_skin:{view}"
        return None


Canvas = TypeVar("Canvas")
"""The large arrays of one sample at work, kept because fresh memory costs more than the arithmetic on it."""


class BatchTexturer(ABC, Generic[Canvas]):
    """A `Texturer` that computes in main memory, on up to ``threads`` samples of the batch at a time.

    Whatever the faces' device: each sample by itself, so its bytes depend neither on the batch nor on the number of
    threads. ``least_face`` is the smallest face that it takes, pixels.

    Reasons, here for the left view: ``projection_nonfinite:left``, ``head_outside_image:left``, ``no_skin:left``.
    """

    least_face = 2

    def __init__(self, topology: Topology, threads: int, canvas: Callable[[], Canvas]) -> None:
        if threads < 1:
            raise ValueError(f"{threads} threads, expected at least 1")
        self._size, self._vertices, self._threads = topology.size, topology.vertices, threads
        self._canvases: SimpleQueue[Canvas] = SimpleQueue()
        for _ in range(threads):
            self._canvases.put(canvas())

    def __call__(self, faces: Tensor, geometry: Geometry) -> Textures:
        """See `Texturer`. Raises ValueError for faces and geometry that do not fit each other or the topology."""
        if faces.ndim != 5 or faces.shape[1] != len(VIEWS) or faces.shape[-1] != 3:
            raise ValueError(f"faces are {tuple(faces.shape)}, expected [B, 3, H, W, 3]")
        for name in ("skin", "eyes", "mouth"):
            mask = getattr(geometry, name)
            if mask is not None and mask.shape != faces.shape[:4]:
                raise ValueError(f"{name} masks are {tuple(mask.shape)}, the faces {tuple(faces.shape)}")
        for found in (geometry.xy, geometry.depth, geometry.normals):
            if found.shape[:3] != (*faces.shape[:2], self._vertices):
                raise ValueError(
                    f"the geometry is {tuple(found.shape)}; expected {tuple(faces.shape[:2])} views of the topology's "
                    f"{self._vertices} vertices"
                )
        if min(faces.shape[2:4]) < self.least_face:
            least = f"{self.least_face}x{self.least_face}"
            raise ValueError(f"the faces are {faces.shape[3]}x{faces.shape[2]} pixels, expected at least {least}")
        maps = np.zeros((len(faces), self._size, self._size, 3), np.uint8)
        coverage = np.zeros((len(faces), len(VIEWS), self._size, self._size), np.bool_)
        error = torch.full(faces.shape[:2], torch.nan) if geometry.error is None else geometry.error
        parts = [
            tensor.cpu().numpy()
            for tensor in (faces, geometry.xy, geometry.depth, geometry.normals, geometry.skin, error)
        ]
        features = [mask.cpu().numpy() for mask in (geometry.eyes, geometry.mouth) if mask is not None]

        def texture(row: int) -> str | None:
            if geometry.reasons[row] is not None:
                return geometry.reasons[row]
            pictures, xy, depth, normals, skin, error = (np.ascontiguousarray(part[row]) for part in parts)
            views = Views(pictures, xy, depth, normals, skin, error, tuple(mask[row] for mask in features))
            if reason := views.fault():
                return reason
            canvas = self._canvases.get()
            try:
                return self._texture(canvas, views, maps[row], coverage[row])
            finally:
                self._canvases.put(canvas)

        if self._threads == 1:
            reasons = tuple(map(texture, range(len(faces))))
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                reasons = tuple(pool.map(texture, range(len(faces))))
        return Textures(torch.from_numpy(maps).to(faces.device), torch.from_numpy(coverage).to(faces.device), reasons)

    @abstractmethod
    def _texture(self, canvas: Canvas, views: Views, out: NDArray[np.uint8], coverage: NDArray[np.bool_]) -> str | None:
        """Texture one sample into ``out`` [S, S, 3] and ``coverage`` [3, S, S], zeros before; or why there is none, and
        then both are left zero.
        """
