"""The published camera: rotation, perspective projection, and the way back from the 224 crop to the image.

Conventions. Model axes: x to the viewer's right, y up, z towards the viewer; one unit is about 10 cm. The camera
stands at z = +10 and looks along -z. Angles are (pitch, yaw, roll) in radians, R = Rz Ry Rx; positive yaw moves the
nose to larger image x. In crops and alignments y counts from the bottom; image coordinates count rows from the top.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CAMERA_DISTANCE = 10.0
"""Distance of the camera from the model's origin, model units."""
FOCAL = 1015.0
"""Focal length, pixels of the crop."""
CROP = 224
"""Side of the square crop that the reconstruction network sees, pixels."""


@dataclass(frozen=True)
class Alignment:
    """How a face was resized and cut to the crop (upstream's ``trans_params``).

    width, height   the face's size, pixels
    scale           resize factor from the face to the resized image that is cropped
    tx, ty          image of the model's origin in the face, pixels, y from the bottom
    """

    width: int
    height: int
    scale: float
    tx: float
    ty: float

    def crop_to_image(self, xy: Tensor) -> Tensor:
        """Map crop coordinates [..., 2] (y up) to face coordinates [..., 2] (column, row).

        The crop was cut at an offset truncated to integers, but upstream maps back with the real offset; published
        maps carry that shift of up to a crop pixel, so it is kept. Not clipped to the image.
        """
        resized = (int(self.width * self.scale), int(self.height * self.scale))
        x = (xy[..., 0] + resized[0] / 2 - CROP / 2) / self.scale + self.tx - self.width / 2
        y = (xy[..., 1] + resized[1] / 2 - CROP / 2) / self.scale + self.ty - self.height / 2
        return torch.stack([x, self.height - 1 - y], dim=-1)


def rotation(angle: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of angles [..., 3] (pitch, yaw, roll; radians): R = Rz Ry Rx."""
    (sa, sb, sc), (ca, cb, cc) = angle.sin().unbind(-1), angle.cos().unbind(-1)
    return torch.stack(
        [
            torch.stack([cc * cb, cc * sb * sa - sc * ca, cc * sb * ca + sc * sa], -1),
            torch.stack([sc * cb, sc * sb * sa + cc * ca, sc * sb * ca - cc * sa], -1),
            torch.stack([-sb, cb * sa, cb * ca], -1),
        ],
        dim=-2,
    )


def project(vertices: Tensor, angle: Tensor, translation: Tensor) -> tuple[Tensor, Tensor]:
    """Project vertices [..., N, 3] with a pose (angle [..., 3], translation [..., 3]) into the crop.

    Returns crop coordinates [..., N, 2] (pixels, y up) and depth [..., N] (distance along the camera's axis).
    """
    world = vertices @ rotation(angle).transpose(-1, -2) + translation[..., None, :]
    depth = CAMERA_DISTANCE - world[..., 2]
    return FOCAL * world[..., :2] / depth[..., None] + CROP / 2, depth


def vertex_normals(vertices: Tensor, triangles: Tensor, vertex_faces: Tensor) -> Tensor:
    """Unit normals [..., N, 3] of vertices [..., N, 3].

    A face's normal is normalise((v1 - v2) x (v2 - v3)); a vertex's is the normalised sum over its listed faces
    (``vertex_faces`` [N, 8]; entries equal to the number of triangles stand for "no face").
    """
    v1, v2, v3 = (vertices[..., triangles[:, corner], :] for corner in range(3))
    normals = torch.nn.functional.normalize(torch.linalg.cross(v1 - v2, v2 - v3), dim=-1)
    normals = torch.cat([normals, torch.zeros_like(normals[..., :1, :])], dim=-2)
    return torch.nn.functional.normalize(normals[..., vertex_faces, :].sum(-2), dim=-1)
