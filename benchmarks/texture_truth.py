"""A real head whose true map is known, seen by three cameras: how near do the textures come to the truth?

    FFHQ_UV_EXAMPLE=... python benchmarks/texture_truth.py [--size 1024] [--seeds 3]

The published demo head and its map are drawn in the three poses of sample 01223, plainly: every triangle into
a z-buffer with 2 x 2 samples a pixel, the map bilinear. The template is the mean of the other two maps that
the stand-in's is the mean of. A pixel shows skin where the head's texel is one that some view may contribute
to. What counts are the texels of that area that at least one view sees. A seam is a gradient that the truth
does not have: the 99th percentile of the error's own gradients, blurred by 3 texels among those that count.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import Alignment, project, rotation, vertex_normals
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS, Geometry
from ffhq_uv.quality.likeness import psnr, seam, ssim
from ffhq_uv.texture import Texturer
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import POISSON_BOXES, PublishedTexturer
from ffhq_uv.texture.topology import Topology, load_topology

ID = "01223"
FACE = 1024
SAMPLES = 2
MAPS_IN_TEMPLATE = 3
HIDDEN_BEHIND = 0.01
"""A texel is hidden if something stands nearer to the camera by more, model units."""


@dataclass(frozen=True)
class Truth:
    """A head, its true map uint8 [S, S, 3], how it was seen, and which texels bool [S, S] were."""

    topology: Topology
    map: NDArray[np.uint8]
    faces: torch.Tensor
    geometry: Geometry
    visible: NDArray[np.bool_]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seeds", type=int, default=3, help="draws of the pose errors")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    head = Head(Path(os.environ["FFHQ_UV_EXAMPLE"]), arguments.size)
    texturers = {"published": PublishedTexturer(head.topology), "faithful": FaithfulTexturer(head.topology)}
    print(f"{'':12} {'':12} {'PSNR':>6} {'outside boxes':>14} {'SSIM':>6} {'seam':>6}")
    for case, truths in cases(head, arguments.seeds).items():
        for name, texturer in texturers.items():
            rows = np.array([measure(texturer, truth) for truth in truths])
            psnr, outside, ssim, seam = rows.mean(0)
            print(f"{case:12} {name:12} {psnr:6.2f} {outside:14.2f} {ssim:6.4f} {seam:6.3f}", flush=True)


def cases(head: Head, seeds: int) -> dict[str, list[Truth]]:
    clean = head.truth()
    gains = torch.tensor([0.9, 1.0, 1.1])[None, :, None, None, None]
    lit = (clean.faces * gains).round().clamp(0, 255).to(torch.uint8)
    off = {
        f"{error} px": [replace(clean, geometry=head.misplaced(error, seed)) for seed in range(seeds)]
        for error in (1, 2)
    }
    shaped = replace(clean, geometry=head.place(head.angle, shape=head.model.mean))
    return {"clean": [clean], "gains": [replace(clean, faces=lit)], **off, "shape": [shaped]}


def measure(texturer: Texturer, truth: Truth) -> tuple[float, float, float, float]:
    """PSNR over what is visible, the same outside the four Poisson boxes, SSIM, seam."""
    textures = texturer(truth.faces, truth.geometry)
    if textures.reasons != (None,):
        raise ValueError(f"no texture: {textures.reasons[0]}")
    found = textures.maps[0].numpy()
    outside, size = truth.visible.copy(), len(truth.map)
    for box in POISSON_BOXES:
        row, last_row, column, last_column = (round(side * size / 1024) for side in box)
        outside[row:last_row, column:last_column] = False
    return (
        psnr(found, truth.map, truth.visible),
        psnr(found, truth.map, outside),
        ssim(found, truth.map, truth.visible),
        seam(found, truth.map, truth.visible),
    )


class Head:
    """The demo head, its map, and the cameras of 01223."""

    def __init__(self, example: Path, size: int) -> None:
        assets = example / "stand_in_topo_assets"
        topology = load_topology(assets, size)
        path = example / "demo_head" / "tex_uv.png"
        self.full = read_png(path.read_bytes(), path.name)
        self.map = (
            self.full if size == len(self.full) else cv2.resize(self.full, (size, size), interpolation=cv2.INTER_AREA)
        )
        others = (MAPS_IN_TEMPLATE * topology.template.astype(float) - self.map) / (MAPS_IN_TEMPLATE - 1)
        self.topology = replace(topology, template=others.round().clip(0, 255).astype(np.uint8))
        self.model = MorphableModel.load(assets / "hifi3dpp_model_info.mat")
        lines = (example / "demo_head" / "mesh_head.obj").read_text().splitlines()
        points = [[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")]
        self.vertices = torch.tensor(points)
        saved = example / "dataset_project" / "unwrap_texture" / ID
        coefficients, aligned = (
            read_torch((saved / f"{ID}_final_{part}.pt").read_bytes(), part) for part in ("coeffs", "trans_params")
        )
        self.angle = torch.from_numpy(np.concatenate([coefficients[view]["angle"] for view in VIEWS]))
        self.translation = torch.from_numpy(np.concatenate([coefficients[view]["trans"] for view in VIEWS]))
        entries = ([float(np.squeeze(entry)) for entry in aligned[view]] for view in VIEWS)
        self.alignments = [Alignment(int(w), int(h), scale, tx, ty) for w, h, scale, tx, ty, _ in entries]
        self.skin = torch.zeros(1, 3, FACE, FACE, dtype=torch.bool)

    def truth(self) -> Truth:
        exact = self.place(self.angle)
        faces, nearest, uv = shown_faces(self.topology, exact, self.full, FACE)
        area = self.topology.minor_union[..., None].astype(float)
        seen = np.zeros_like(self.topology.inside)
        for view in range(len(VIEWS)):
            share = shrink(look_up(area, uv[view]) * (nearest[view] < np.inf)[..., None])
            self.skin[0, view] = torch.from_numpy(share[..., 0] > 254 / 255)
            seen |= visible(self.topology, exact, view, nearest[view])
        exact = replace(exact, skin=self.skin)
        return Truth(self.topology, self.map, faces, exact, seen & self.topology.minor_union)

    def place(
        self, angle: torch.Tensor, shift: torch.Tensor | float = 0.0, shape: torch.Tensor | None = None
    ) -> Geometry:
        """Where the head, or one of another ``shape``, lands; not clipped to the face."""
        vertices = self.vertices if shape is None else shape
        crop, depth = project(vertices.expand(3, -1, -1), angle, self.translation)
        xy = torch.stack([alignment.crop_to_image(view) for alignment, view in zip(self.alignments, crop, strict=True)])
        normals = vertex_normals(vertices, self.model.triangles, self.model.vertex_faces)
        turned = normals @ rotation(angle).transpose(-1, -2)
        none = torch.zeros(1, 3, 0)
        return Geometry((xy + shift)[None], depth[None], turned[None], self.skin, none, none, (None,))

    def misplaced(self, error: float, seed: int) -> Geometry:
        """Every view shifted by ``error`` pixels and turned by 0.002 ``error`` radians, in random directions."""
        rng = np.random.default_rng([seed, 1])
        shift, turn = rng.standard_normal((3, 1, 2)), rng.standard_normal((3, 3))
        shift *= error / np.linalg.norm(shift, axis=-1, keepdims=True)
        turn *= 0.002 * error / np.linalg.norm(turn, axis=-1, keepdims=True)
        return self.place(self.angle + torch.from_numpy(turn).float(), torch.from_numpy(shift).float())


def shown_faces(
    topology: Topology, geometry: Geometry, picture: NDArray[np.uint8], side: int
) -> tuple[torch.Tensor, list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """The faces uint8 [1, 3, side, side, 3] of a head with this map; and every view's depth and UV, see `draw`."""
    drawn = [draw(geometry.xy[0, view].numpy(), geometry.depth[0, view].numpy(), topology, side) for view in range(3)]
    faces = [shrink(look_up(picture, uv) * (nearest < np.inf)[..., None]) for nearest, uv in drawn]
    whole = torch.from_numpy(np.stack(faces).round().astype(np.uint8))[None]
    return whole, [nearest for nearest, _ in drawn], [uv for _, uv in drawn]


def draw(
    xy: NDArray[np.float32], depth: NDArray[np.float32], topology: Topology, side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth [n H, n W] (inf where nothing is) and UV [n H, n W, 2] of every sample; triangle after triangle."""
    side *= SAMPLES
    nearest = np.full((side, side), np.inf)
    uv = np.zeros((side, side, 2))
    points = (xy.astype(float) + 0.5) * SAMPLES - 0.5
    for corners, corners_uv in zip(topology.triangles, topology.triangles_uv, strict=True):
        a, b, c = points[corners]
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        low = np.maximum(np.ceil(np.min([a, b, c], 0)), 0).astype(int)
        high = np.minimum(np.floor(np.max([a, b, c], 0)), side - 1).astype(int)
        if area >= 0 or (low > high).any():
            continue
        x, y = np.meshgrid(np.arange(low[0], high[0] + 1), np.arange(low[1], high[1] + 1))
        wb = ((x - a[0]) * (c[1] - a[1]) - (y - a[1]) * (c[0] - a[0])) / area
        wc = ((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) / area
        weights = np.stack([1 - wb - wc, wb, wc], -1) / depth[corners]
        near = 1 / weights.sum(-1)
        window = slice(low[1], high[1] + 1), slice(low[0], high[0] + 1)
        front = (weights.min(-1) >= 0) & (near < nearest[window])
        nearest[window][front] = near[front]
        uv[window][front] = (near[..., None] * (weights @ topology.uv[corners_uv]))[front]
    return nearest, uv


def look_up(picture: NDArray[np.generic], uv: NDArray[np.float64]) -> NDArray[np.float32]:
    """Bilinear samples of a map [S, S, C] at UV."""
    size = len(picture)
    x, y = (uv[..., 0] * size - 0.5).astype(np.float32), ((1 - uv[..., 1]) * size - 0.5).astype(np.float32)
    found = cv2.remap(picture.astype(np.float32), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(*uv.shape[:2], -1)


def shrink(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of every pixel's samples."""
    side = len(samples) // SAMPLES
    return samples.reshape(side, SAMPLES, side, SAMPLES, -1).mean((1, 3))


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
