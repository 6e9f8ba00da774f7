"""A plain reading of the published texture recipe with NumPy, OpenCV and SciPy's sparse direct solver.

The yardstick of `benchmarks/texture.py` and the independent oracle of a slow test: every step as it is
described, whole three-channel maps, no regard for speed. Maps of 1024 x 1024 texels only.
"""

from __future__ import annotations

import cv2
import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from ffhq_uv.texture.topology import Topology

Map = NDArray[np.float32]

VIEWS = ("left", "front", "right")
FILL_ORDER = ("left", "right", "front")
POISSON_BOXES = ((330, 400, 560, 710), (330, 400, 310, 460), (465, 525, 440, 585), (555, 620, 410, 610))
TO_YUV = np.array(
    [[0.299, 0.587, 0.114], [-0.14714119, -0.28886916, 0.43601035], [0.61497538, -0.51496512, -0.10001026]]
)
LEVELS = 5


def published_recipe(
    topology: Topology,
    faces: NDArray[np.uint8],
    xy: NDArray[np.float32],
    normals: NDArray[np.float32],
    skin: NDArray[np.bool_],
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """One sample: faces [3, H, W, 3], xy [3, N, 2] pixels, normals [3, N, 3], skin [3, H, W].

    Returns the map uint8 [1024, 1024, 3] and the coverage bool [3, 1024, 1024].
    """
    masks = {name: np.repeat(mask[..., None], 3, axis=2) for name, mask in topology.masks.items()}
    template = topology.template.astype(np.float32)
    views = {
        view: unwrap(topology, faces[k].astype(np.float32), xy[k], normals[k], skin[k].astype(np.float32))
        for k, view in enumerate(VIEWS)
    }

    base = template
    filled: list[Map] = []
    for view in FILL_ORDER:
        texture, mask = views[view]
        major, minor = masks[f"major_valid_{view}"], masks[f"minor_valid_{view}"]
        matched = match(base, texture, base, mask)
        small = (blur(blur(mask, 3), 5) >= 1).astype(np.float32)
        large = (blur(blur(blur(mask, 3), 5), 9) >= 1).astype(np.float32)
        eroded = small * masks["mouth_constract"] + large * (1 - masks["mouth_constract"])
        weight = mask * blur(eroded * soft(eroded, major, minor), 21)
        base = texture * weight + matched * (1 - weight)
        filled.append(eroded * minor)
    reliable = (sum(filled) > 0.5).astype(np.float32)

    luma = base @ TO_YUV[0].astype(np.float32)
    dark = (luma.mean() - luma > 0).astype(np.float32)
    dark = (blur(dark, 5) > 0).astype(np.float32)[..., None]
    missing = (1 - reliable) * masks["center_face"]
    unreliable = (missing + dark * masks["nosal_base"] + masks["nostril"] > 0.5).astype(np.float32)[..., 0]

    texture = base.copy()
    for box in POISSON_BOXES:
        rows, columns = slice(box[0], box[1]), slice(box[2], box[3])
        texture[rows, columns] = poisson(base[rows, columns], template[rows, columns], unreliable[rows, columns])
        reliable[rows, columns] = 1

    union = {
        kind: (sum(masks[f"{kind}_valid_{view}"] for view in VIEWS) > 0.5).astype(np.float32)
        for kind in ("major", "minor")
    }
    matched = match(template, texture, template, reliable)
    blend = pyramid_blend(texture, matched, soft(reliable, union["major"], union["minor"]))

    hair = blur((blur(masks["hair"], 11) >= 1).astype(np.float32), 15)
    out = blend * (1 - hair) + template * hair
    coverage = np.stack([views[view][1][..., 0] > 0.5 for view in VIEWS])
    return np.clip(out, 0, 255).round().astype(np.uint8), coverage


def blur(image: Map, side: int) -> Map:
    return cv2.blur(image, (side, side))


def unwrap(topology: Topology, face: Map, xy: Map, normals: Map, skin: Map) -> tuple[Map, Map]:
    """The face seen from the map, and the mask of the texels that the view shows (both [S, S, 3])."""
    height, width = skin.shape
    xy = np.clip(xy, 0, [width - 1, height - 1]).astype(np.float32)
    index, weight = topology.unwrap_index, topology.unwrap_weight
    facing = (normals[:, 2] > 0.1).astype(np.float32)
    column, row, shows_skin, faces_camera = (np.zeros(index.shape[:2], np.float32) for _ in range(4))
    for corner in range(3):
        vertex, share = index[..., corner], weight[..., corner]
        x, y = xy[vertex, 0], xy[vertex, 1]
        shows_skin += share * cv2.remap(skin, x, y, cv2.INTER_LINEAR)
        faces_camera += share * facing[vertex]
        column += share * x
        row += share * y
    mask = ((shows_skin > 0.5) & (faces_camera > 0.5)).astype(np.float32)
    mask = np.repeat(mask[..., None], 3, axis=2)
    texture = cv2.remap(face, column, row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.clip(texture, 0, 255) * mask, mask


def match(source: Map, target: Map, image: Map, mask: Map) -> Map:
    """``image`` with the colour moments of ``target`` instead of ``source``'s, contrast divided by 1.5."""
    chosen = mask[..., 0] > 0.5
    to_yuv, from_yuv = TO_YUV.T.astype(np.float32), np.linalg.inv(TO_YUV).T.astype(np.float32)
    source_yuv, target_yuv = source[chosen] @ to_yuv, target[chosen] @ to_yuv
    yuv = (image.reshape(-1, 3) @ to_yuv - source_yuv.mean(0)) / source_yuv.std(0) / 1.5
    yuv = yuv * target_yuv.std(0) + target_yuv.mean(0)
    return np.clip(yuv @ from_yuv, 0, 255).reshape(image.shape)


def soft(mask: Map, major: Map, minor: Map) -> Map:
    weak = 0.8 * blur(mask * minor, 51)
    strong = mask * major
    return blur(strong + (1 - strong) * weak, 31)


def poisson(texture: Map, template: Map, unreliable: Map) -> Map:
    """Solve lap(result) = lap(template) where unreliable, result = texture elsewhere; [h, w, 3]."""
    height, width = unreliable.shape
    unknown = unreliable > 0.5
    unknown[:2] = unknown[-2:] = False
    unknown[:, :2] = unknown[:, -2:] = False
    matrix = scipy.sparse.lil_matrix((height * width, height * width))
    matrix.setdiag(1)
    for row, column in np.argwhere(unknown):
        k = row * width + column
        matrix[k, k] = 4
        for neighbour in (k - 1, k + 1, k - width, k + width):
            matrix[k, neighbour] = -1
    laplacian = 4 * template
    for axis in (0, 1):
        laplacian = laplacian - np.roll(template, 1, axis) - np.roll(template, -1, axis)
    matrix = matrix.tocsc()
    result = np.empty_like(texture)
    for channel in range(3):
        right = np.where(unknown, laplacian[..., channel], texture[..., channel]) / 255
        result[..., channel] = scipy.sparse.linalg.spsolve(matrix, right.ravel()).reshape(height, width) * 255
    return result


def pyramid_blend(texture: Map, base: Map, mask: Map) -> Map:
    """Laplacian pyramid blend of ``texture`` over ``base``, 5 levels."""
    laplacians_texture, laplacians_base = laplacian_pyramid(texture), laplacian_pyramid(base)
    blend: Map | None = None
    masks = [mask]
    for _ in range(LEVELS - 1):
        masks.append(np.clip(cv2.GaussianBlur(masks[-1][::2, ::2], (5, 5), 1), 0, 1))
    for level in reversed(range(LEVELS)):
        mixed = laplacians_texture[level] * masks[level] + laplacians_base[level] * (1 - masks[level])
        blend = mixed if blend is None else expand(blend) + mixed
    return np.clip(blend, 0, 255)


def laplacian_pyramid(image: Map) -> list[Map]:
    levels = []
    for _ in range(LEVELS - 1):
        smaller = reduce(image)
        levels.append(image - expand(smaller))
        image = smaller
    return [*levels, image]


BINOMIAL = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype(np.float32) / 256


def reduce(image: Map) -> Map:
    return cv2.filter2D(image, -1, BINOMIAL)[::2, ::2]


def expand(image: Map) -> Map:
    return cv2.filter2D(image.repeat(2, axis=0).repeat(2, axis=1), -1, BINOMIAL)
