"""The faithful recipe: every texel from the views that really show it, as sharp as they do.

Register the views to each other, draw the mesh into each to know what is hidden, weigh the views by angle and by the
distance to what they must not show, take off their differences in light, blend, sharpen by back-projection, and
complete what no view saw from the template. How well the views register says how far the geometry can be relied on:
where it is a guess, borders are kept clear of, the front view is preferred, and nothing is sharpened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.geometry import FRONT, VIEWS
from ffhq_uv.texture.backprojection import add_lacking, lacking
from ffhq_uv.texture.batch import BatchTexturer, Views
from ffhq_uv.texture.completion import difference_to, finish, match_template, spread
from ffhq_uv.texture.confidence import BEHIND, RAMP, Care, SeenTexels, cover, find_seen
from ffhq_uv.texture.feather import blur, erode, radius
from ffhq_uv.texture.gains import view_gains
from ffhq_uv.texture.noise import noise
from ffhq_uv.texture.registration import Scouts, octaves, register
from ffhq_uv.texture.sampling import blend_views
from ffhq_uv.texture.specks import remove_specks
from ffhq_uv.texture.topology import Topology
from ffhq_uv.texture.unwrap import group_texels
from ffhq_uv.texture.visibility import SQUARE, ViewBuffers, texel_corners

Floats = NDArray[np.float32]

Eyes = Literal["picture", "template"]
"""Where eyes and the inside of the mouth come from."""

STEP = 1.7
"""Back-projection moves by so much of what is lacking: one such step does what four of 1 do; 2 would diverge."""
APART = 0.35
"""How far views are off each other, in shares of what an analysis says that each is off: one head is wrong in all of
them alike, and care is about what they disagree in."""
VERY_NOISY = 2.0
"""Grain from which on faces are sampled as softly as can be, grey levels."""
NOISE_REACH = 4.0
"""In so many standard deviations of the grain differences are noise, and not sharpened."""
GAIN_SCOUTS = 4
"""Every so many scouts are enough for a median."""
TOO_CARELESS = 0.3
"""Geometry that is more of a guess is not sharpened: back-projection would draw its errors. Nor are eyes taken from the
picture then: they would land beside their lids, and come from the template."""


class FaithfulTexturer(BatchTexturer["_Canvas"]):
    """The faithful recipe for maps of one topology, with ``iterations`` of back-projection.

    Reasons: those of `BatchTexturer`, and ``head_behind_camera:left``.
    """

    least_face = 8

    def __init__(self, topology: Topology, threads: int = 1, iterations: int = 1, eyes: Eyes = "picture") -> None:
        if iterations < 0:
            raise ValueError(f"{iterations} iterations of back-projection, expected at least 0")
        size, masks = topology.size, topology.masks
        self._iterations, self._eyes = iterations, eyes
        self._triangles = np.ascontiguousarray(topology.triangles, np.int32)
        self._corners = texel_corners(topology.uv, topology.triangles_uv, size)
        self._groups = group_texels(topology.unwrap_index, topology.unwrap_weight, topology.inside)
        self._scouts = Scouts.among(self._groups)
        self._template = np.ascontiguousarray(topology.template)
        hair = erode((masks["hair"] >= 1).astype(np.uint8), radius(5, size))
        self._hair = blur(hair.astype(np.float32), radius(7, size))
        face = erode(topology.minor_union.astype(np.uint8), radius(12, size)).astype(np.float32)
        nostril = blur((masks["nostril"] > 0).astype(np.float32), radius(4, size))
        self._doubtful = np.maximum(1 - blur(face, radius(12, size)), nostril)
        super().__init__(topology, threads, lambda: _Canvas(size, len(self._groups.texel)))

    def _texture(
        self, canvas: _Canvas, views: Views, out: NDArray[np.uint8], coverage: NDArray[np.bool_]
    ) -> str | None:
        for view, depth in zip(VIEWS, views.depth, strict=True):
            if not np.isfinite(depth).all():
                return f"projection_nonfinite:{view}"
            if not depth.min() > 0:
                return f"head_behind_camera:{view}"
        canvas.fit(*views.skin.shape[1:])
        scale = 1024 / views.skin.shape[2]
        places, trust = self._scouts.look(views.xy, views.normals, views.skin)
        levels = octaves(views.faces)
        found = register(levels, places, trust)
        known = np.isfinite(views.error).all()
        care = Care.about(APART * float(views.error.mean()) if known else found.error, scale)
        # what the views are off by is then shape, which the front view shows the least of
        shifts = found.shifts - np.float32(care.guess) * found.shifts[FRONT]
        few = slice(None, None, GAIN_SCOUTS)
        gains = view_gains(self._scouts.colours(views.faces, places[few] + shifts), trust[few])
        grain = noise(levels[0], places[few], trust[few])
        skin = list(views.skin)
        if self._eyes == "picture" and care.guess < TOO_CARELESS:
            for feature in views.features:
                skin[FRONT] = skin[FRONT] | feature[FRONT]
        iterations = self._iterations if care.guess < TOO_CARELESS else 0
        shown = self._see(canvas, views, skin, views.xy + shifts[:, None], care, sharpen=iterations > 0)
        if not shown.all():
            return f"no_skin:{VIEWS[shown.argmin()]}"
        seen = canvas.seen
        cover(seen.count, seen.texel, seen.weight, coverage.reshape(len(VIEWS), -1))
        self._paint(canvas, views.faces, gains, grain, iterations)
        self._complete(canvas.texture, canvas.difference, care, out)
        remove_specks(canvas.texture[..., 3], out, care.rim)
        return None

    def _see(
        self,
        canvas: _Canvas,
        views: Views,
        skin: Sequence[NDArray[np.bool_]],
        xy: Floats,
        care: Care,
        *,
        sharpen: bool,
    ) -> NDArray[np.bool_]:
        """Which texels the views show, where, and with what weight; whether they show any, bool [3]."""
        for buffers, places, depth, shows in zip(canvas.views, xy, views.depth, skin, strict=True):
            buffers.look(places, depth, shows, self._triangles, self._corners, texels=sharpen)
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

    def _paint(self, canvas: _Canvas, faces: NDArray[np.uint8], gains: Floats, grain: float, iterations: int) -> None:
        """Blend the views at the seen texels, and sharpen."""
        seen, texture, lack = canvas.seen, canvas.texture.reshape(-1, 4), canvas.lack
        where = seen.count, seen.texel, seen.place, seen.weight
        height, width = faces.shape[1:3]
        soft, least = np.float32(min(grain / VERY_NOISY, 1)), np.float32(NOISE_REACH * grain)
        blend_views(*where, seen.opacity, faces.reshape(-1), height, width, gains, soft, texture)
        for _ in range(iterations):
            for k, view in enumerate(canvas.views):
                face = faces[k].reshape(height, -1)
                drawn = view.trusted, view.texel, *view.window
                lacking(face, gains[k], *drawn, texture.reshape(-1), self._size, least, lack[k])
            add_lacking(*where, lack.reshape(-1), height, width, np.float32(STEP), texture)

    def _complete(self, texture: Floats, difference: Floats, care: Care, out: NDArray[np.uint8]) -> None:
        """Put the seen texels over the template, and the template's hair over both."""
        guess = np.float32(care.guess)
        if guess > 0:
            texture[..., 3] *= 1 - guess * self._doubtful
        # the hair's soft border keeps out of the face where that is known for sure
        hair = np.maximum(self._hair - (1 - guess) * (1 - self._hair), 0)
        affine = match_template(texture, self._template, hair)
        difference_to(texture, self._template, affine, hair, difference)
        finish(texture, self._template, affine, difference, spread(difference), hair, out)


class _Canvas:
    """The large arrays of one sample at work."""

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
