"""The faithful recipe: every texel from the views that really show it, as sharp as they do.

Register the views to each other, draw the mesh into each to know what is hidden, weigh the views by angle and by the
distance to what they must not show, take off their differences in light, blend, sharpen by back-projection, and
complete what no view saw from the template. How well the views register says how far the geometry can be relied on:
where it is a guess, borders are kept clear of, the front view is preferred, and nothing is sharpened.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.geometry import FRONT, VIEWS, Geometry
from ffhq_uv.texture import Textures
from ffhq_uv.texture.backprojection import add_lacking, lacking
from ffhq_uv.texture.completion import difference_to, finish, mean_ratio, spread
from ffhq_uv.texture.confidence import BEHIND, RAMP, Care, SeenTexels, cover, find_seen
from ffhq_uv.texture.feather import blur, erode, radius
from ffhq_uv.texture.gains import view_gains
from ffhq_uv.texture.registration import Scouts, octaves, register
from ffhq_uv.texture.sampling import blend_views
from ffhq_uv.texture.topology import Topology
from ffhq_uv.texture.unwrap import group_texels
from ffhq_uv.texture.visibility import SQUARE, ViewBuffers, texel_corners

Floats = NDArray[np.float32]

STEP = 1.7
"""Back-projection moves by so much of what is lacking: one such step does what four of 1 do; 2 would diverge."""
GAIN_SCOUTS = 4
"""Every so many scouts are enough for a median."""
TOO_CARELESS = 0.3
"""Geometry that is more of a guess is not sharpened: back-projection would draw its errors."""


class FaithfulTexturer:
    """The faithful recipe for maps of one topology, with ``iterations`` of back-projection.

    Computes in main memory on up to ``threads`` samples of the batch at a time, whatever the faces' device; each
    sample by itself, so its bytes depend neither on the batch nor on the number of threads.

    Reasons: ``projection_nonfinite:left`` (or a vertex that is not in front of the camera), ``no_skin:left``.
    """

    def __init__(self, topology: Topology, threads: int = 1, iterations: int = 1) -> None:
        if iterations < 0 or threads < 1:
            raise ValueError(f"{iterations} iterations on {threads} threads, expected at least 0 on at least 1")
        size, masks = topology.size, topology.masks
        self._size, self._threads, self._iterations = size, threads, iterations
        self._triangles = np.ascontiguousarray(topology.triangles)
        self._corners = texel_corners(topology.uv, topology.triangles_uv, size)
        self._groups = group_texels(topology.unwrap_index, topology.unwrap_weight, topology.inside)
        self._scouts = Scouts.among(self._groups)
        self._template = np.ascontiguousarray(topology.template)
        hair = erode((masks["hair"] >= 1).astype(np.uint8), radius(5, size))
        self._hair = blur(hair.astype(np.float32), radius(7, size))
        face = erode(topology.minor_union.astype(np.uint8), radius(12, size)).astype(np.float32)
        nostril = blur((masks["nostril"] > 0).astype(np.float32), radius(4, size))
        self._doubtful = np.maximum(1 - blur(face, radius(12, size)), nostril)
        self._canvases: SimpleQueue[_Canvas] = SimpleQueue()
        for _ in range(threads):
            self._canvases.put(_Canvas(size, len(self._groups.texel)))

    def __call__(self, faces: Tensor, geometry: Geometry) -> Textures:
        if faces.ndim != 5 or faces.shape[1] != len(VIEWS) or faces.shape[-1] != 3:
            raise ValueError(f"faces are {tuple(faces.shape)}, expected [B, 3, H, W, 3]")
        if min(faces.shape[2:4]) < 8:
            raise ValueError(f"the faces are {faces.shape[3]}x{faces.shape[2]} pixels, expected at least 8x8")
        batch = len(faces)
        maps = np.zeros((batch, self._size, self._size, 3), np.uint8)
        coverage = np.zeros((batch, 3, self._size, self._size), np.bool_)
        face, xy, depth, normals, skin = (
            np.ascontiguousarray(tensor.cpu().numpy())
            for tensor in (faces, geometry.xy, geometry.depth, geometry.normals, geometry.skin)
        )

        def texture(row: int) -> str | None:
            if geometry.reasons[row] is not None:
                return geometry.reasons[row]
            views = _Views(face[row], xy[row], depth[row], normals[row], skin[row])
            if reason := views.fault():
                return reason
            canvas = self._canvases.get()
            try:
                return self._texture(canvas, views, maps[row], coverage[row])
            finally:
                self._canvases.put(canvas)

        if self._threads == 1:
            reasons = tuple(map(texture, range(batch)))
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                reasons = tuple(pool.map(texture, range(batch)))
        return Textures(torch.from_numpy(maps).to(faces.device), torch.from_numpy(coverage).to(faces.device), reasons)

    def _texture(
        self, canvas: _Canvas, views: _Views, out: NDArray[np.uint8], coverage: NDArray[np.bool_]
    ) -> str | None:
        """Texture one sample; or why there is none."""
        canvas.fit(*views.skin.shape[1:])
        scale = 1024 / views.skin.shape[2]
        places, trust = self._scouts.look(views.xy, views.normals, views.skin)
        found = register(octaves(views.faces), places, trust)
        care = Care.about(found.error, scale)
        # what the views are off by is then shape, which the front view shows the least of
        shifts = found.shifts - np.float32(care.guess) * found.shifts[FRONT]
        few = slice(None, None, GAIN_SCOUTS)
        gains = view_gains(self._scouts.colours(views.faces, places[few] + shifts), trust[few])
        shown = self._see(canvas, views, views.xy + shifts[:, None], care)
        if not shown.all():
            return f"no_skin:{VIEWS[shown.argmin()]}"
        seen = canvas.seen
        cover(seen.count, seen.texel, seen.weight, coverage.reshape(len(VIEWS), -1))
        self._paint(canvas, views.faces, gains, self._iterations if care.guess < TOO_CARELESS else 0)
        self._complete(canvas.texture, canvas.difference, care, out)
        return None

    def _see(self, canvas: _Canvas, views: _Views, xy: Floats, care: Care) -> NDArray[np.bool_]:
        """Which texels the views show, where, and with what weight; whether they show any, bool [3]."""
        for buffers, places, depth, skin in zip(canvas.views, xy, views.depth, views.skin, strict=True):
            buffers.look(places, depth, skin, self._triangles, self._corners)
        vertices = np.empty((xy.shape[1], len(VIEWS), 4), np.float32)
        vertices[..., :2] = xy.swapaxes(0, 1)
        vertices[..., 2] = 1 / views.depth.T
        vertices[..., 3] = views.normals[..., 2].T
        pixels = views.skin.shape[2] / 1024
        distances = [care.margin * pixels, care.fade * pixels, RAMP * pixels]
        seen, groups, shown = canvas.seen, self._groups, np.zeros(len(VIEWS), np.bool_)
        height, width = views.skin.shape[1:]
        seen.count = find_seen(
            groups.corners,
            groups.start,
            groups.texel,
            groups.weight,
            vertices.reshape(-1),
            canvas.inverse_depth.reshape(-1),
            canvas.distance.reshape(-1),
            height,
            width,
            canvas.near,
            np.array([*distances, care.least_cosine, care.fade_cosine, care.front, BEHIND], np.float32),
            seen.texel,
            seen.place,
            seen.weight,
            seen.opacity,
            shown,
        )
        return shown

    def _paint(self, canvas: _Canvas, faces: NDArray[np.uint8], gains: Floats, iterations: int) -> None:
        """Blend the views at the seen texels, and sharpen."""
        seen, texture, lack = canvas.seen, canvas.texture.reshape(-1, 4), canvas.lack
        where = seen.count, seen.texel, seen.place, seen.weight
        height, width = faces.shape[1:3]
        blend_views(*where, seen.opacity, faces.reshape(-1), height, width, gains, texture)
        for _ in range(iterations):
            for k, view in enumerate(canvas.views):
                face = faces[k].reshape(height, -1)
                drawn = view.trusted, view.texel, *view.window
                lacking(face, gains[k], *drawn, texture.reshape(-1), self._size, lack[k])
            add_lacking(*where, lack.reshape(-1), height, width, np.float32(STEP), texture)

    def _complete(self, texture: Floats, difference: Floats, care: Care, out: NDArray[np.uint8]) -> None:
        """Put the seen texels over the template, and the template's hair over both."""
        guess = np.float32(care.guess)
        if guess > 0:
            texture[..., 3] *= 1 - guess * self._doubtful
        # the hair's soft border keeps out of the face where that is known for sure
        hair = np.maximum(self._hair - (1 - guess) * (1 - self._hair), 0)
        ratio = mean_ratio(texture, self._template, hair)
        difference_to(texture, self._template, ratio, hair, difference)
        finish(texture, self._template, ratio, spread(difference), hair, out)


class _Views:
    """What a sample's texture is made from: the rows of its faces and its geometry."""

    def __init__(
        self, faces: NDArray[np.uint8], xy: Floats, depth: Floats, normals: Floats, skin: NDArray[np.bool_]
    ) -> None:
        self.faces, self.xy, self.depth, self.normals, self.skin = faces, xy, depth, normals, skin

    def fault(self) -> str | None:
        """Why there can be no texture, or None."""
        for k, view in enumerate(VIEWS):
            if not all(np.isfinite(part[k]).all() for part in (self.xy, self.depth, self.normals)):
                return f"projection_nonfinite:{view}"
            if not self.depth[k].min() > 0:
                return f"head_behind_camera:{view}"
            if not self.skin[k].any():
                return f"no_skin:{view}"
        return None


class _Canvas:
    """The large arrays of one sample at work, kept because fresh memory costs more than the arithmetic on it."""

    def __init__(self, size: int, texels: int) -> None:
        self.seen = SeenTexels.room_for(texels)
        self.texture = np.zeros((size, size, 4), np.float32)
        self.difference = np.zeros((size, size, 4), np.float32)
        self.fit(8, 8)

    def fit(self, height: int, width: int) -> None:
        """Make room for faces of another size."""
        if getattr(self, "_face", None) != (height, width):
            self._face = (height, width)
            self.inverse_depth = np.zeros((len(VIEWS), height, width), np.float32)
            self.distance = np.zeros((len(VIEWS), height, width), np.float32)
            self.near = np.zeros((len(VIEWS), -(-height // SQUARE), -(-width // SQUARE)), np.bool_)
            stacks = zip(self.inverse_depth, self.distance, self.near, strict=True)
            self.views = [ViewBuffers(*parts) for parts in stacks]
            self.lack = np.zeros((len(VIEWS), height, width, 3), np.float32)
