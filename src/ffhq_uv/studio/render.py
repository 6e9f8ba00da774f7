"""From a person to pictures: pose, the three meshes (head, hair, cloth), faces, masks and the true map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.camera import Alignment, project, rotation
from ffhq_uv.kernel import kernel
from ffhq_uv.studio import light as lighting
from ffhq_uv.studio.codes import Codes
from ffhq_uv.studio.fields import above_hairline, fields
from ffhq_uv.studio.head import SIDE, head, ramp
from ffhq_uv.studio.person import Person, person
from ffhq_uv.studio.raster import rasterise, resolve
from ffhq_uv.studio.skin import Hair, paint, paint_hair
from ffhq_uv.studio.sums import weighted_sums
from ffhq_uv.texture.rasterise import rasterise_uv

Floats = NDArray[np.float32]

BACKGROUND, HEAD, HAIR, CLOTH = 0, 1, 2, 3
"""Layers of the sample buffers."""
SKIN, EYES, MOUTH = 1, 2, 3
"""Regions of the face; where a pixel shows two of them it counts as the last."""
EXPOSURE = 0.80
SCALE = 275.5
"""Side of the resized face that the crop is cut from, pixels; the published front views have 275."""
OPAQUE = np.ones((1, 1), np.float32)


def alignment(size: int) -> Alignment:
    """The alignment of every studio face: the crop is centred on the image."""
    return Alignment(size, size, SCALE / size, size / 2, size / 2)


def pose(person: Person, vertices: Floats) -> tuple[torch.Tensor, torch.Tensor]:
    """Angle [3] (pitch, yaw, roll; radians) and translation [3] that frame a head as FFHQ frames faces.

    FFHQ centres a face at the eyes' middle plus 0.1 times the way from there to the mouth's.
    """
    marks = vertices[head().keypoints].astype(np.float64)
    eyes, mouth = marks[36:48].mean(0), (marks[48] + marks[54]) / 2
    angle = torch.tensor([np.radians(person.pitch), np.radians(person.yaw), 0.0], dtype=torch.float64)
    centre = rotation(angle).numpy() @ (eyes + 0.1 * (mouth - eyes))
    translation = torch.tensor([-centre[0], -centre[1], -0.2], dtype=torch.float64)
    return angle.float(), translation.float()


@dataclass(frozen=True)
class Scene:
    """A person's three meshes, lit and painted, ready for any view.

    vertices    float32 [N, 3] of the head; hair has the same triangles
    shade       float32 [N, 2]: factor and sheen of each vertex
    """

    vertices: Floats
    hair_vertices: Floats
    shade: Floats
    hair_shade: Floats


@cache
def _layout() -> tuple[Floats, Floats]:
    """Layout position (s, r) of each vertex of the head."""
    h = head()
    uv = np.empty((len(h.mean), 2), np.float32)
    uv[h.uv_vertices[::-1]] = h.uv[::-1]
    return (uv[:, 0] - 0.5) * SIDE, (1 - uv[:, 1]) * SIDE


def scene(person: Person) -> Scene:
    """Shape and light of a person; independent of the pose, since the light turns with the head."""
    vertices = head().shape(person.identity, person.expression)
    normal = lighting.normals(vertices)
    shade = lighting.shading(normal, person.light) * EXPOSURE
    half = np.array([0.0, 0.45, 0.893], np.float32)
    sheen = 0.10 * person.sheen * np.maximum(weighted_sums(normal, half), 0) ** 24 * shade
    s, _ = _layout()
    depth = _hair_depth() - 70 * person.receding
    # Combed hair leaves the skin where it starts to be drawn: no gap shows at the temples.
    deep = ramp(depth.astype(np.float64), 12, 150)
    away = 0.002 + (0.05 + 0.14 * person.hair_volume) * deep
    # Loose hair over skin hangs clear of brows and lids.
    away += 0.05 * np.clip(-depth / 50, 0, 1) * (np.abs(s) < 300)
    hair = vertices + normal * away[:, None].astype(np.float32)
    return Scene(
        vertices,
        hair,
        np.stack([shade, sheen], -1).astype(np.float32),
        np.stack([shade * 1.05, 0 * shade], -1).astype(np.float32),
    )


@cache
def _hair_depth() -> Floats:
    s, r = _layout()
    return above_hairline(s.astype(np.float64), r.astype(np.float64)).astype(np.float32)


@cache
def _hair_triangles() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The head's triangles that hair can stand over."""
    s, r = _layout()
    h = head()
    can = (_hair_depth() > -30) | ((r < 720) & (np.abs(s) < 330))
    keep = can[h.triangles].all(1)
    return h.triangles[keep], h.uv_triangles[keep]


@cache
def body() -> tuple[Floats, NDArray[np.int64], Floats]:
    """Shoulders under the neck: vertices [M, 3], triangles [T, 3], shade [M, 2]. Not a part of the model."""
    around = np.linspace(0, 2 * np.pi, 65)
    down = np.linspace(0, 1, 16)
    t, phi = np.meshgrid(down, around, indexing="ij")
    front = 0.5 + 0.5 * np.cos(phi)
    x = (0.44 + 0.10 * np.minimum(t / 0.06, 1) + 1.75 * np.sin(t * np.pi / 2) ** 1.2) * np.sin(phi)
    z = (0.40 + 0.12 * np.minimum(t / 0.06, 1) + 0.60 * t) * np.cos(phi) - 0.46 + 0.25 * front * np.sqrt(t)
    y = -0.86 - 0.30 * front - 0.75 * t**1.9 - 0.16 * t
    vertices = np.stack([x, y, z], -1).reshape(-1, 3).astype(np.float32)
    n = len(around)
    a = (np.arange(len(down) - 1)[:, None] * n + np.arange(n - 1)).ravel()
    triangles = np.concatenate([np.stack([a, a + n, a + 1], -1), np.stack([a + 1, a + n, a + n + 1], -1)])
    shade = 0.55 + 0.35 * np.cos(phi) * np.sqrt(t) + 0.10 * np.sin(phi * 9 + 6 * t) * t
    shade = np.clip(shade * (0.55 + 0.45 * np.clip(t / 0.12, 0, 1)), 0.08, 1.1)
    return vertices, triangles, np.stack([shade.ravel(), 0 * shade.ravel()], -1).astype(np.float32)


def _project(vertices: Floats, angle: torch.Tensor, translation: torch.Tensor, size: int) -> tuple[Floats, Floats]:
    xy, depth = project(torch.from_numpy(vertices), angle, translation)
    return alignment(size).crop_to_image(xy).numpy(), depth.numpy()


@dataclass(frozen=True)
class Samples:
    """Samples of a view: layers uint8 [H n, W n], values float32 [H n, W n, 4] (u, v, factor, sheen)."""

    layers: NDArray[np.uint8]
    values: Floats


def sample(person: Person, scene: Scene, cover: Floats, size: int, n: int) -> Samples:
    """What each sample of a view shows; ``cover`` [S, S] is where the loose and combed hair stands."""
    h = head()
    angle, translation = pose(person, scene.vertices)
    nearest = np.zeros((size * n, size * n), np.float32)
    layers = np.zeros((size * n, size * n), np.uint8)
    values = np.zeros((size * n, size * n, 4), np.float32)
    cloth, cloth_triangles, cloth_shade = body()
    hair_triangles, hair_uv = _hair_triangles()
    for layer, vertices, triangles, uv_triangles, shade, alpha in (
        (HEAD, scene.vertices, h.triangles, h.uv_triangles, scene.shade, OPAQUE),
        (HAIR, scene.hair_vertices, hair_triangles, hair_uv, scene.hair_shade, cover),
        (CLOTH, cloth, cloth_triangles, np.zeros_like(cloth_triangles), cloth_shade, OPAQUE),
    ):
        xy, depth = _project(vertices, angle, translation, size)
        rasterise(xy, depth, triangles, uv_triangles, h.uv, shade, alpha, layer, n, nearest, layers, values)
    return Samples(layers, values)


def encode_srgb(linear: Floats) -> NDArray[np.uint8]:
    """Linear light 0..1 to sRGB, rounded."""
    table: NDArray[np.uint8] = _srgb_table()
    place = (np.clip(linear, 0, 1) * np.float32(len(table) - 1) + np.float32(0.5)).astype(np.int32)
    return np.asarray(table[place])


@cache
def _srgb_table() -> NDArray[np.uint8]:
    x = np.linspace(0, 1, 1 << 16)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * curve), np.uint8)


def backdrop(person: Person, size: int) -> Floats:
    """A blurred place behind the person, linear light [H, W, 3]; the same in all views."""
    b = person.background
    main, other, glow = b[0:3], b[3:6], b[6:9]
    low = 0.06 + 0.42 * (0.35 * main.mean() + 0.65 * main)
    high = 0.06 + 0.42 * (0.45 * other.mean() + 0.55 * other)
    y, x = np.mgrid[0:24, 0:24] / 23.0
    slope = 0.5 + 1.6 * ((y - 0.5) * (2 * b[6] - 1) + (x - 0.5) * (2 * b[7] - 1))
    slope = np.clip(slope, 0, 1)[..., None]
    picture = low * (1 - slope) + high * slope
    for k, (cx, cy) in enumerate(((0.1, 0.2), (0.9, 0.3), (0.75, 0.75), (0.15, 0.8))):
        spot = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 0.03)[..., None]
        picture = picture * (1 + spot * (1.6 * b[(k + 3) % 9] - 0.7))
    picture += 0.05 * (glow - 0.5)
    picture = np.clip(picture, 0.01, 0.9).astype(np.float32)
    large = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(large.clip(0, 1), np.float32)


def faces(views: Sequence[Codes], size: int, samples: int) -> NDArray[np.uint8]:
    """Draw the views of a sample, codes [18, 512] each: uint8 RGB [V, size, size, 3].

    The middle view says who it is; from the others only the pose is read, so paint and shape are shared.
    Raises ValueError for codes that are not finite.
    """
    people = [person(codes) for codes in views]
    front = people[len(people) // 2]
    shown = scene(front)
    skin, hair = paint(front, size), paint_hair(front, size)
    behind = backdrop(front, size)
    cloth = (0.04 + 0.6 * front.clothes**1.5).astype(np.float32)
    out = np.empty((len(people), size, size, 3), np.uint8)
    linear = np.empty((size, size, 3), np.float32)
    for view, one in enumerate(people):
        buffers = sample(one, shown, hair.cover, size, samples)
        resolve(buffers.layers, buffers.values, skin, hair.colour, cloth, behind, samples, linear)
        out[view] = encode_srgb(linear)
    return out


def face_masks(views: Sequence[Codes], size: int) -> NDArray[np.bool_]:
    """Pixels that show nothing but the face's skin, its eyes, its open mouth: bool [3, V, size, size], of `faces`.

    As in the published recipe brows, nose and lips are skin; ears, neck and hair are nothing of the three. Eyes have
    the margin that is left out of the skin. A pixel counts if all four samples in it are of the face; if they are not
    all skin it shows what any of them is.
    """
    people = [person(codes) for codes in views]
    front = people[len(people) // 2]
    shown, hair, on_map = scene(front), paint_hair(front, size), fields(size)
    regions = (on_map.skin * SKIN + on_map.eyes * EYES + on_map.mouth * MOUTH).astype(np.uint8)
    parts = np.empty((len(people), size, size), np.uint8)
    for view, one in enumerate(people):
        buffers = sample(one, shown, hair.cover, size, 2)
        _parse(buffers.layers, buffers.values, regions, parts[view])
    return np.stack([parts == part for part in (SKIN, EYES, MOUTH)])


@kernel
def _texel(place: float, side: int) -> int:
    """The row or column of a texture coordinate 0..1, which may be anything in codes that are nobody's."""
    return max(min(int(place * side), side - 1), 0)


@kernel
def _parse(layers: NDArray[np.uint8], values: Floats, regions: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """out [H, W]: of the regions [S, S] that a pixel's samples show the last one, if all are of the head's regions."""
    n, side = len(layers) // len(out), len(regions)
    for i in range(len(out)):
        for j in range(len(out)):
            face, last = True, 0
            for k in range(n * n):
                row, column = i * n + k // n, j * n + k % n
                if face:
                    face = layers[row, column] == HEAD
                if face:
                    u, v = values[row, column, 0], values[row, column, 1]
                    part = int(regions[_texel(1 - v, side), _texel(u, side)])
                    face, last = part > 0, max(last, part)
            out[i, j] = last if face else 0


def seen_skin(views: Sequence[Codes], size: int, map_size: int) -> NDArray[np.bool_]:
    """Texels of the face's skin, bare in the `true_map`, that some view of ``size`` pixels shows; bool [S, S].

    Drawn with at least two samples a texel's side, so that hair, nose and the head itself hide what they hide.
    """
    people = [person(codes) for codes in views]
    front = people[len(people) // 2]
    shown, hair = scene(front), paint_hair(front, size)
    bare = fields(map_size).skin & (_hides(hair if size == map_size else paint_hair(front, map_size)) == 0)
    hit = np.zeros(bare.shape, np.bool_)
    for one in people:
        buffers = sample(one, shown, hair.cover, size, max(2, -(-2 * map_size // size)))
        _mark_head(buffers.layers, buffers.values, hit)
    # samples may step over a texel, nothing that hides skin is as small
    closed = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    return np.asarray((closed > 0) & bare)


@kernel
def _mark_head(layers: NDArray[np.uint8], values: Floats, out: NDArray[np.bool_]) -> None:
    """Mark in ``out`` [S, S] the texels that samples of the head show."""
    side = len(out)
    for i in range(len(layers)):
        for j in range(len(layers)):
            if layers[i, j] == 1:
                u, v = values[i, j, 0], values[i, j, 1]
                out[_texel(1 - v, side), _texel(u, side)] = True


def true_map(front: Codes, size: int) -> NDArray[np.uint8]:
    """The UV map that a perfect extraction of a sample would give: uint8 RGB [size, size, 3].

    The sample as it is, with its faults: its shading and its smile's creases are in the map, and a fringe or
    a lock is drawn where it stands in front of the skin, seen along the skin's normal.
    """
    one = person(front)
    shown, hair = scene(one), paint_hair(one, size)
    shade, hair_shade = on_map(shown.shade, size), on_map(shown.hair_shade, size)
    linear = paint(one, size) * shade[..., :1] + shade[..., 1:]
    over = _hides(hair)[..., None]
    return encode_srgb(linear + over * (hair.colour * hair_shade[..., :1] - linear))


def _hides(hair: Hair) -> Floats:
    """How much of each texel of a `true_map` loose hair hides, 0..1, [S, S]."""
    return np.asarray(np.clip((hair.loose - 0.5) * 4 + 0.5, 0, 1), np.float32)


@cache
def unwrapping(size: int) -> tuple[NDArray[np.int32], Floats, NDArray[np.bool_]]:
    """Vertices, weights and mask of the texels, see `texture.rasterise.rasterise_uv`."""
    h = head()
    return rasterise_uv(h.triangles, h.uv_triangles, h.uv, size)


def on_map(values: Floats, size: int) -> Floats:
    """Values [N, C] of the vertices as a map [size, size, C]; the margin repeats the mesh's border."""
    index, weight, inside = unwrapping(size)
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    picture = np.zeros((size, size, values.shape[1]), np.float32)
    _interpolate(values, index, weight, picture)
    picture = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    margin = [(rows[0], size - 1 - rows[-1]), (columns[0], size - 1 - columns[-1]), (0, 0)]
    return np.asarray(np.pad(picture, margin, mode="edge"), np.float32)


@kernel
def _interpolate(values: Floats, index: NDArray[np.int32], weight: Floats, out: Floats) -> None:
    side, _, channels = out.shape
    for i in range(side):
        for j in range(side):
            for corner in range(3):
                for channel in range(channels):
                    out[i, j, channel] += weight[i, j, corner] * values[index[i, j, corner], channel]
