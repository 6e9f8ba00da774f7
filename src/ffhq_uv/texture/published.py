"""The published texture recipe: steps 5 to 11 of upstream's last program, with its constants, order and
quirks.

Two quirks to know: colour matching divides contrast by 1.5, and is applied again to all that is filled so far
with every view; and the four Poisson rectangles count as reliable in full. Sizes in texels are given at 1024
and scale.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ffhq_uv.geometry import VIEWS
from ffhq_uv.kernel import kernel
from ffhq_uv.texture.batch import BatchTexturer, Views
from ffhq_uv.texture.colour import TO_YUV, Colours, match, moments_over, recolour_row, subtract_recoloured
from ffhq_uv.texture.feather import (
    WHOLE,
    Mask,
    blur,
    erode,
    margin,
    product,
    radius,
    soften,
    square,
    weights,
)
from ffhq_uv.texture.poisson import complete
from ffhq_uv.texture.pyramid import blend_difference
from ffhq_uv.texture.topology import Topology
from ffhq_uv.texture.unwrap import group_texels, unwrap

FILL_ORDER = ("left", "right", "front")

POISSON_BOXES = ((330, 400, 560, 710), (330, 400, 310, 460), (465, 525, 440, 585), (555, 620, 410, 610))
"""First and last (excluded) row, then column, of the rectangles around the eyes, the nose's base and the
mouth.
"""

ROUNDING = 1e-3
"""Luma that differs by less is the same, grey levels. Without it rounding decides what of a face of one flat colour is
darker than the mean, and so whether the template shows at the nose's base; no texel of it is."""

Image = NDArray[np.float32]
"""A colour map in the making: float32 [3, S, S], 0..255."""

Window = tuple[slice, slice]
"""Rows and columns of a map."""


class PublishedTexturer(BatchTexturer["_Canvas"]):
    """The published recipe for maps of one topology. Reasons: those of `BatchTexturer`, and
    ``nothing_reliable``, on maps too small for the four rectangles: so little skin that nothing is left off its border.
    """

    def __init__(self, topology: Topology, threads: int = 1) -> None:
        size, masks = topology.size, topology.masks
        super().__init__(topology, threads, lambda: _Canvas(size))
        self._masks = masks
        self._texels = group_texels(topology.unwrap_index, topology.unwrap_weight, topology.inside)
        self._template = np.ascontiguousarray(np.moveaxis(topology.template, -1, 0))
        boxes = [_scaled(box, size) for box in POISSON_BOXES]
        self._boxes = [box for box in boxes if all(side.stop - side.start > 2 for side in box)]
        self._areas = {
            view: _Area(masks["mouth_constract"], masks[f"major_valid_{view}"], masks[f"minor_valid_{view}"], size)
            for view in VIEWS
        }
        union = (topology.major_union.astype(np.float32), topology.minor_union.astype(np.float32))
        self._face = _Area(masks["mouth_constract"], *union, size)
        hair = erode((masks["hair"] >= 1).astype(np.uint8), radius(5, size))
        self._hair = blur(hair.astype(np.float32), radius(7, size))

    def _texture(
        self, canvas: _Canvas, views: Views, out: NDArray[np.uint8], coverage: NDArray[np.bool_]
    ) -> str | None:
        """Step 5, every view's texture and mask, or why there is none; and the steps after it."""
        unwrap(self._texels, views.faces, views.xy, views.normals, views.skin, canvas.textures, canvas.masks)
        for view, mask in zip(VIEWS, canvas.masks, strict=True):
            if not mask.any():
                return f"no_skin:{view}"
        texture, reliable = self._fill(canvas)
        self._complete(texture, reliable)
        if not reliable.any():
            return "nothing_reliable"
        self._blend(texture, reliable, out)
        coverage[:] = canvas.masks
        return None

    def _fill(self, canvas: _Canvas) -> tuple[Image, NDArray[np.uint8]]:
        """Steps 6 and 7: lay the views over the template; the texture, and where it can be relied on."""
        size = self._size
        filled = np.zeros((size, size), np.uint16)
        base: Colours = self._template
        for view in FILL_ORDER:
            k, area = VIEWS.index(view), self._areas[view]
            mask, texture = canvas.masks[k], canvas.textures[k]
            affine = match(moments_over(base, mask), moments_over(texture, mask))
            shown = mask[area.window]
            eroded = _mix(erode(shown, radius(3, size)), erode(shown, radius(7, size)), area.mouth)
            weight = blur(product(eroded, soften(eroded, area.major, area.minor, size)), radius(10, size))
            _lay_over(base, affine, texture, mask, weight, area.window[0].start, area.window[1].start, canvas.image)
            base = canvas.image
            filled[area.window] += product(eroded, area.minor) // 2  # halves: three of them fit 16 bits
        return canvas.image, (filled > WHOLE // 4).astype(np.uint8)

    def _complete(self, texture: Image, reliable: NDArray[np.uint8]) -> None:
        """Steps 8 and 9, in place: the four boxes' unreliable texels take the template's gradients."""
        masks, size = self._masks, self._size
        luma = TO_YUV[0].astype(np.float32)
        mean = luma @ [cv2.mean(channel)[0] for channel in texture]
        reach, frame = radius(2, size), max(1, radius(2, size))
        for rows, columns in self._boxes:
            around = (
                slice(max(0, rows.start - reach), rows.stop + reach),
                slice(max(0, columns.start - reach), columns.stop + reach),
            )
            dark = (np.tensordot(luma, texture[(slice(None), *around)], 1) < mean - ROUNDING).astype(np.uint8)
            dark = np.asarray(cv2.dilate(dark, square(reach)), np.uint8)
            inner = (
                slice(rows.start - around[0].start, rows.stop - around[0].start),
                slice(columns.start - around[1].start, columns.stop - around[1].start),
            )
            box = (rows, columns)
            hole = (1 - reliable[box]) * masks["center_face"][box] + masks["nostril"][box]
            hole += dark[inner] * masks["nosal_base"][box]
            unreliable = np.zeros(hole.shape, np.bool_)
            inside = (slice(frame, -frame), slice(frame, -frame))
            unreliable[inside] = hole[inside] > 0.5
            window = (slice(None), *box)
            texture[window] = complete(texture[window], self._template[window], unreliable)
            reliable[box] = 1

    def _blend(self, texture: Image, reliable: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
        """Steps 10 and 11: the reliable texture over the matched template, the raw template over the hair."""
        face = self._face
        affine = match(moments_over(self._template, reliable), moments_over(texture, reliable))
        mask = np.zeros_like(self._hair)
        soft = soften(reliable[face.window] * np.uint16(WHOLE), face.major, face.minor, self._size)
        np.multiply(soft, np.float32(1 / WHOLE), out=mask[face.window])
        subtract_recoloured(texture, self._template, affine)
        blend_difference(texture, mask)
        _finish(texture, self._template, affine, self._hair, out)


class _Area:
    """The part of the map that a view can contribute to, and the masks in it."""

    def __init__(
        self, mouth: NDArray[np.float32], major: NDArray[np.float32], minor: NDArray[np.float32], size: int
    ) -> None:
        self.window = _around(minor, margin(size))
        self.mouth, self.major, self.minor = (weights(share[self.window]) for share in (mouth, major, minor))


class _Canvas:
    """The large arrays of one sample at work."""

    def __init__(self, size: int) -> None:
        self.textures = np.zeros((3, 3, size, size), np.float32)
        self.masks = np.zeros((3, size, size), np.uint8)
        self.image = np.zeros((3, size, size), np.float32)


def _scaled(box: tuple[int, int, int, int], size: int) -> Window:
    row, last_row, column, last_column = (round(side * size / 1024) for side in box)
    return slice(row, last_row), slice(column, last_column)


def _around(mask: NDArray[np.float32], reach: int) -> Window:
    """The rectangle of a mask and ``reach`` texels around it, inside the map."""
    column, row, width, height = cv2.boundingRect((mask > 0).astype(np.uint8))
    return (
        slice(max(0, row - reach), min(mask.shape[0], row + height + reach)),
        slice(max(0, column - reach), min(mask.shape[1], column + width + reach)),
    )


@kernel
def _mix(small: NDArray[np.uint8], large: NDArray[np.uint8], mouth: Mask) -> Mask:
    """``small`` where ``mouth`` is whole, ``large`` where it is 0; of both, 1 is whole."""
    mixed = np.empty(mouth.shape, np.uint16)
    whole = np.uint16(WHOLE)
    for row in range(mouth.shape[0]):
        a, b, share, both = small[row], large[row], mouth[row], mixed[row]
        for column in range(mouth.shape[1]):
            both[column] = a[column] * share[column] + b[column] * (whole - share[column])
    return mixed


@kernel
def _lay_over(
    base: Colours,
    affine: NDArray[np.float32],
    texture: NDArray[np.float32],
    mask: NDArray[np.uint8],
    weight: Mask,
    top: int,
    left: int,
    out: NDArray[np.float32],
) -> None:
    """out = the recoloured base, and over it the texture by mask * weight; all [3, S, S], the weight of a window at
    (top, left). The base may be ``out``.
    """
    height, width = weight.shape
    lines, share = np.empty((3, base.shape[2]), np.float32), np.empty(width, np.float32)
    unit = np.float32(1 / WHOLE)
    for row in range(base.shape[1]):
        recolour_row(base, row, affine, lines)
        if top <= row < top + height:
            shown, part = mask[row, left : left + width], weight[row - top]
            for column in range(width):
                share[column] = np.float32(part[column] * shown[column]) * unit
            for channel in range(3):
                under, over = lines[channel, left : left + width], texture[channel, row, left : left + width]
                for column in range(width):
                    under[column] += (over[column] - under[column]) * share[column]
        for channel in range(3):
            line, target = lines[channel], out[channel, row]
            for column in range(len(line)):
                target[column] = line[column]


@kernel
def _finish(
    difference: NDArray[np.float32],
    template: Colours,
    affine: NDArray[np.float32],
    hair: NDArray[np.float32],
    out: NDArray[np.uint8],
) -> None:
    """out [S, S, 3] = clip(recoloured template + difference), the raw template over the hair, rounded."""
    low, high = np.float32(0), np.float32(255)
    size = out.shape[1]
    base, rounded = np.empty((3, size), np.float32), np.empty((3, size), np.uint8)
    for row in range(size):
        recolour_row(template, row, affine, base)
        for channel in range(3):
            raw, above, over = template[channel, row], difference[channel, row], hair[row]
            line, last = base[channel], rounded[channel]
            for column in range(size):
                blend = min(max(line[column] + above[column], low), high)
                blend += (np.float32(raw[column]) - blend) * over[column]
                last[column] = np.uint8(np.int32(np.rint(blend)))
        red, green, blue, texels = rounded[0], rounded[1], rounded[2], out[row]
        for column in range(size):
            texels[column, 0], texels[column, 1], texels[column, 2] = red[column], green[column], blue[column]
