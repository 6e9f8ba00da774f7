"""Heads whose true map is known, and pictures of them: drawn plainly, every triangle into a z-buffer.

Three kinds are at hand: the published demo head with its own map; the mean of three published heads with the published
map of sample 01223; and people of the studio. The first two are seen by the cameras of 01223, studio people by theirs.
No template holds anything of the head that it completes.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import scipy.io
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.camera import Alignment, project, rotation, vertex_normals
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import FRONT, VIEWS, Geometry
from ffhq_uv.studio.assets import write_assets
from ffhq_uv.studio.person import person
from ffhq_uv.studio.publish import normalised
from ffhq_uv.studio.render import alignment, pose, true_map
from ffhq_uv.texture.topology import Topology, load_topology

ID = "01223"
SAMPLES = 2
"""Samples a pixel's side."""
MAPS_IN_TEMPLATE = 3
"""The stand-in's template and its mean shape are means of so many, of which the demo head is one."""


@dataclass(frozen=True)
class Head:
    """A head, its map and its cameras.

    topology    for maps of ``S`` x ``S``; its template knows nothing of this head
    picture     uint8 [T, T, 3], the true map as it is drawn; map: the same, uint8 [S, S, 3]
    vertices    float32 [N, 3]; others: those of other heads, by the case that takes them for this one's
    angle       float32 [3, 3], translation [3, 3] and alignments of the three views
    keypoints   int64 [68], the vertices of the iBUG landmarks
    """

    name: str
    topology: Topology
    picture: NDArray[np.uint8]
    map: NDArray[np.uint8]
    model: MorphableModel
    vertices: torch.Tensor
    others: dict[str, torch.Tensor]
    angle: torch.Tensor
    translation: torch.Tensor
    alignments: list[Alignment]
    keypoints: NDArray[np.int64]

    def place(
        self, angle: torch.Tensor | None = None, shift: torch.Tensor | float = 0.0, shape: torch.Tensor | None = None
    ) -> Geometry:
        """Where the head, or one of another ``shape``, lands; not clipped to the face. No pixel shows skin yet."""
        vertices, angle = self.vertices if shape is None else shape, self.angle if angle is None else angle
        crop, depth = project(vertices.expand(3, -1, -1), angle, self.translation)
        xy = torch.stack([one.crop_to_image(view) for one, view in zip(self.alignments, crop, strict=True)])
        normals = vertex_normals(vertices, self.model.triangles, self.model.vertex_faces)
        turned = normals @ rotation(angle).transpose(-1, -2)
        none = torch.zeros(1, 3, 0)
        face = self.alignments[0].height, self.alignments[0].width
        skin = torch.zeros(1, 3, *face, dtype=torch.bool)
        return Geometry((xy + shift)[None], depth[None], turned[None], skin, none, none, (None,))

    def places_on_map(self) -> NDArray[np.float64]:
        """Where the landmarks are on a map of 1024: column, row [68, 2]."""
        topology = self.topology
        uv = np.zeros((topology.vertices, 2))
        uv[topology.triangles.ravel()] = topology.uv[topology.triangles_uv.ravel()]
        return np.asarray((uv[self.keypoints] * (1, -1) + (0, 1)) * 1024 - 0.5)

    def misplaced(self, error: float, seed: int) -> Geometry:
        """Every view shifted by ``error`` pixels and turned by 0.002 ``error`` radians, in random directions."""
        rng = np.random.default_rng([seed, 1])
        shift, turn = rng.standard_normal((3, 1, 2)), rng.standard_normal((3, 3))
        shift *= error / np.linalg.norm(shift, axis=-1, keepdims=True)
        turn *= 0.002 * error / np.linalg.norm(turn, axis=-1, keepdims=True)
        return self.place(self.angle + torch.from_numpy(turn).float(), torch.from_numpy(shift).float())


def published_heads(example: Path, size: int) -> list[Head]:
    """The demo head; and the mean of three heads in the published map of `ID`."""
    assets = example / "stand_in_topo_assets"
    topology = load_topology(assets, size)
    own, other = (
        read_png(path.read_bytes(), path.name)
        for path in (
            example / "demo_head" / "tex_uv.png",
            example / "dataset_project" / "unwrap_texture" / ID / f"{ID}_final_uv.png",
        )
    )
    model = MorphableModel.load(assets / "hifi3dpp_model_info.mat")
    lines = (example / "demo_head" / "mesh_head.obj").read_text().splitlines()
    demo = torch.tensor([[float(x) for x in line.split()[1:4]] for line in lines if line.startswith("v ")])
    rest = (MAPS_IN_TEMPLATE * model.mean - demo) / (MAPS_IN_TEMPLATE - 1)
    template = (MAPS_IN_TEMPLATE * topology.template.astype(float) - scaled(own, size)) / (MAPS_IN_TEMPLATE - 1)
    without = replace(topology, template=template.round().clip(0, 255).astype(np.uint8))
    saved = example / "dataset_project" / "unwrap_texture" / ID
    coefficients, aligned = (
        read_torch((saved / f"{ID}_final_{part}.pt").read_bytes(), part) for part in ("coeffs", "trans_params")
    )
    entries = ([float(np.squeeze(entry)) for entry in aligned[view]] for view in VIEWS)
    cameras = (
        torch.from_numpy(np.concatenate([coefficients[view]["angle"] for view in VIEWS])),
        torch.from_numpy(np.concatenate([coefficients[view]["trans"] for view in VIEWS])),
        [Alignment(int(w), int(h), scale, tx, ty) for w, h, scale, tx, ty, _ in entries],
        _keypoints(assets),
    )
    shapes = {"shape": model.mean, "other head": rest}, {"shape": demo, "other head": rest}
    return [
        Head("demo head", without, own, scaled(own, size), model, demo, shapes[0], *cameras),
        Head(f"map of {ID}", topology, other, scaled(other, size), model, model.mean, shapes[1], *cameras),
    ]


def studio_heads(people: int, size: int) -> list[Head]:
    """People of the studio, of a seed of their own. The template is the studio's, of nobody in particular."""
    with tempfile.TemporaryDirectory() as folder:
        assets = Path(folder)
        write_assets(assets)
        topology = load_topology(assets, size)
        model = MorphableModel.load(assets / "hifi3dpp_model_info.mat")
        keypoints = _keypoints(assets)
    heads, shapes = [], []
    for k in range(people):
        views = [person(codes) for codes in normalised(17, k)]
        front = views[FRONT]
        shape = model.shape(torch.from_numpy(front.identity)[None], torch.from_numpy(front.expression)[None])[0]
        angle, translation = (torch.stack(part) for part in zip(*(pose(v, shape.numpy()) for v in views), strict=True))
        picture = true_map(normalised(17, k)[FRONT], 1024)
        heads.append((f"studio {k}", topology, picture, scaled(picture, size), model, shape))
        shapes.append(shape)
        cameras = angle, translation, [alignment(1024)] * 3, keypoints
    return [Head(*head, {"shape": model.mean, "other head": shapes[k - 1]}, *cameras) for k, head in enumerate(heads)]


def scaled(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A map at another size."""
    if size == len(picture):
        return picture
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _keypoints(assets: Path) -> NDArray[np.int64]:
    found = scipy.io.loadmat(str(assets / "hifi3dpp_model_info.mat"), variable_names=["keypoints"])["keypoints"]
    return np.asarray(found.ravel().astype(np.int64) - 1)


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
