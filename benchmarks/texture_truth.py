"""Heads whose true map is known, seen by three cameras: how near do the textures come to the truth?

    FFHQ_UV_EXAMPLE=... python benchmarks/texture_truth.py [--size 1024] [--seeds 3] [--people 2] [--case program ...]

The masks are those that the analyses make of parsed classes: a pixel shows skin where the head's texel is one that
some view may contribute to, but for the eyes with their margin and the inside of the mouth, which are handed over
beside it. `all skin` counts both as skin. What counts are the texels of that area that at least one view sees.

PSNR      dB over those; `outside`: the same outside the four Poisson boxes of the published recipe
seam      a gradient that the truth does not have: the 99th percentile of the error's own gradients, blurred by 3 texels
unseen    mean absolute error of the skin that no view sees, grey levels
specks    texels that stand out of their surroundings, as none near them does in the truth
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis.skin import EYES, MOUTH, eye_mask, mouth_mask, skin_mask
from ffhq_uv.geometry import VIEWS, Geometry
from ffhq_uv.quality.likeness import psnr, seam, ssim
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import POISSON_BOXES, PublishedTexturer
from ffhq_uv.texture.topology import Topology
from known_heads import SAMPLES, Head, look_up, published_heads, shown_faces, shrink, studio_heads

FACE = 1024
HIDDEN_BEHIND = 0.01
"""A texel is hidden if something stands nearer to the camera by more, model units."""
SPECK, NEAR = 15.0, 21
"""A speck is so many grey levels further from the median around it than any texel of the truth in a square so wide."""
LIPS, LEFT_EYE, RIGHT_EYE = slice(60, 68), slice(36, 42), slice(42, 48)
"""Landmarks around what is no skin: the inner rim of the lips and the lids."""
EYE_HEIGHT = 0.45
"""Of an eye on the map, lids and all, in its widths."""


@dataclass(frozen=True)
class Truth:
    """A head as it was seen: which texels of the face were, and which skin was not, bool [S, S] both."""

    head: Head
    faces: torch.Tensor
    geometry: Geometry
    visible: NDArray[np.bool_]
    unseen: NDArray[np.bool_]

    def placed(self, geometry: Geometry) -> Truth:
        """The same pictures and masks, but the head is thought to be elsewhere."""
        return replace(self, geometry=replace(self.geometry, **{k: getattr(geometry, k) for k in PLACE}))

    def shown(self, faces: NDArray[np.float64] | NDArray[np.uint8]) -> Truth:
        """The same with other pictures."""
        return replace(self, faces=torch.from_numpy(np.rint(faces).clip(0, 255).astype(np.uint8)))


PLACE = ("xy", "depth", "normals")
FIGURES = ("PSNR", "outside", "SSIM", "seam", "unseen", "specks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seeds", type=int, default=3, help="draws of the pose errors")
    parser.add_argument("--people", type=int, default=2, help="studio people, beside the published heads")
    parser.add_argument("--case", nargs="+", default=[], help="only these cases")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"{'head':14} {'case':12} {'recipe':10} " + " ".join(f"{name:>8}" for name in FIGURES))
    heads = published_heads(Path(os.environ["FFHQ_UV_EXAMPLE"]), arguments.size)
    found: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for head in heads + studio_heads(arguments.people, arguments.size):
        texturers = {"published": PublishedTexturer(head.topology), "faithful": FaithfulTexturer(head.topology)}
        for case, truths in cases(seen(head), arguments.seeds):
            if arguments.case and case not in arguments.case:
                continue
            for name, texturer in texturers.items():
                row = np.array([measure(texturer, truth) for truth in truths]).mean(0)
                found.setdefault((case, name), []).append(row)
                print(f"{head.name:14} {case:12} {name:10} " + written(row), flush=True)
    print("\nfrom .. to, of all heads")
    for (case, name), rows in found.items():
        low, high = np.min(rows, 0), np.max(rows, 0)
        spans = (
            f"{a:.{3 if k == 3 else 2}f}..{b:.{3 if k == 3 else 2}f}"
            for k, (a, b) in enumerate(zip(low, high, strict=True))
        )
        print(f"{case:12} {name:10} " + " ".join(f"{span:>14}" for span in spans))


def written(row: NDArray[np.float64]) -> str:
    """Figures of one row of the table."""
    return " ".join(
        f"{value:8.{4 if name == 'SSIM' else 3 if name == 'seam' else 2}f}"
        for name, value in zip(FIGURES, row, strict=True)
    )


def cases(program: Truth, seeds: int) -> Iterator[tuple[str, list[Truth]]]:
    """What can be wrong with a sample, and the same sample with it, some draws of it where it is random."""
    head, faces = program.head, program.faces.numpy().astype(float)
    yield "program", [program]
    yield "all skin", [all_skin(program)]
    yield "gains", [program.shown(faces * np.array([0.9, 1.0, 1.1])[:, None, None, None])]
    for sigma in (2, 4):
        noise = np.random.default_rng(sigma).normal(0, sigma, faces.shape)
        yield f"noise {sigma}", [program.shown(faces + noise)]
    yield "JPEG 80", [program.shown(jpeg(program.faces.numpy(), 80))]
    for error in (1, 2):
        yield f"{error} px", [program.placed(head.misplaced(error, seed)) for seed in range(seeds)]
    for name, shape in head.others.items():
        yield name, [program.placed(head.place(shape=shape))]


def measure(texturer: Texturer, truth: Truth) -> tuple[float, ...]:
    """The `FIGURES` of a recipe."""
    textures = texturer(truth.faces, truth.geometry)
    if textures.reasons != (None,):
        raise ValueError(f"no texture: {textures.reasons[0]}")
    found, true = textures.maps[0].numpy(), truth.head.map
    outside, size = truth.visible.copy(), len(true)
    for box in POISSON_BOXES:
        row, last_row, column, last_column = (round(side * size / 1024) for side in box)
        outside[row:last_row, column:last_column] = False
    return (
        psnr(found, true, truth.visible),
        psnr(found, true, outside),
        ssim(found, true, truth.visible),
        seam(found, true, truth.visible),
        float(np.abs(found.astype(float) - true)[truth.unseen].mean()),
        float(specks(found, true, truth.visible).sum()),
    )


def specks(found: NDArray[np.uint8], true: NDArray[np.uint8], where: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Texels bool [S, S] that stand out of their surroundings as none near them does in the true map."""
    spots, allowed = (spottiness(picture) for picture in (found, true))
    allowed = cv2.dilate(allowed, np.ones((NEAR, NEAR)))
    return np.asarray((spots > allowed + SPECK) & where)


def spottiness(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How far every texel is from the median of 5 x 5, grey levels; float32 [S, S]."""
    grey = picture.astype(np.float32).mean(-1)
    return np.abs(grey - cv2.medianBlur(grey, 5))


def seen(head: Head) -> Truth:
    """A head as its cameras see it, with masks as the analyses make them."""
    exact, topology = head.place(), head.topology
    faces, nearest, uv = shown_faces(topology, exact, head.picture, FACE)
    area = topology.minor_union[..., None].astype(float)
    visible_texels = np.zeros_like(topology.inside)
    masks = []
    for view in range(len(VIEWS)):
        share = shrink(look_up(area, uv[view]) * (nearest[view] < np.inf)[..., None])[..., 0]
        masks.append(parsed(head, exact.xy[0, view].numpy(), uv[view], share > 254 / 255))
        visible_texels |= visible(topology, exact, view, nearest[view])
    exact = replace(
        exact,
        skin=stacked([skin_mask(classes) for classes in masks]),
        eyes=stacked([eye_mask(classes) for classes in masks]),
        mouth=stacked([mouth_mask(classes) for classes in masks]),
    )
    near_hair = cv2.dilate((topology.masks["hair"] > 0).astype(np.uint8), np.ones((31, 31))) > 0
    unseen = topology.inside & ~visible_texels & ~near_hair
    return Truth(head, faces, exact, visible_texels & topology.minor_union, unseen)


def parsed(head: Head, xy: NDArray[np.float32], uv: NDArray[np.float64], face: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Classes uint8 [H, W] as a face parser would find them: skin, eyes with their lids, the open mouth."""
    classes = face.astype(np.uint8)
    on_map = features(head)
    for k, (landmarks, number) in enumerate(((LEFT_EYE, EYES[0]), (RIGHT_EYE, EYES[1]), (LIPS, MOUTH))):
        between = np.zeros_like(classes)
        cv2.fillPoly(between, [np.rint(xy[head.keypoints[landmarks]]).astype(np.int32)], 1)
        shown = shrink(look_up(on_map[..., k : k + 1], uv))[..., 0] > 0.5
        classes[(between > 0) | shown] = number
    return classes


def features(head: Head) -> NDArray[np.float32]:
    """Where the two eyes and the inside of the mouth are on a map, 0 or 1; float32 [1024, 1024, 3]."""
    marks = head.places_on_map()
    out = np.zeros((3, 1024, 1024), np.float32)
    for k, eye in enumerate((LEFT_EYE, RIGHT_EYE)):
        corners = marks[eye][[0, 3]]
        middle, half = corners.mean(0), np.hypot(*(corners[1] - corners[0])) / 2
        axes = round(half), round(EYE_HEIGHT * half)
        cv2.ellipse(out[k], np.rint(middle).astype(int).tolist(), axes, 0, 0, 360, 1, -1)
    cv2.fillPoly(out[2], [np.rint(marks[LIPS]).astype(np.int32)], 1)
    return np.ascontiguousarray(np.moveaxis(out, 0, -1))


def all_skin(program: Truth) -> Truth:
    """Eyes and mouth counted as skin."""
    geometry = program.geometry
    whole = geometry.skin | geometry.eyes | geometry.mouth
    return replace(program, geometry=replace(geometry, skin=whole, eyes=None, mouth=None))


def stacked(masks: list[NDArray[np.bool_]]) -> torch.Tensor:
    return torch.from_numpy(np.stack(masks))[None]


def jpeg(faces: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Faces [1, 3, H, W, 3] after JPEG, its luma and chroma those of RGB (OpenCV takes the blue first)."""
    packed = [cv2.imencode(".jpg", face[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for face in faces[0]]
    return np.stack([cv2.imdecode(one, cv2.IMREAD_COLOR)[..., ::-1] for one in packed])[None]


def visible(topology: Topology, geometry: Geometry, view: int, nearest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Texels that face a view (as the recipe has it) and that nothing hides."""

    def mix(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return (values[topology.unwrap_index] * topology.unwrap_weight).sum(-1)

    xy, depth = geometry.xy[0, view].numpy(), mix(geometry.depth[0, view].numpy())
    facing = mix(geometry.normals[0, view, :, 2].numpy()) > 0.1
    place = [np.rint((mix(xy[:, axis]) + 0.5) * SAMPLES - 0.5).astype(int) for axis in range(2)]
    column, row = (axis.clip(0, len(nearest) - 1) for axis in place)
    behind = depth > nearest[row, column] + HIDDEN_BEHIND
    return facing & ~behind & topology.inside


if __name__ == "__main__":
    main()
