"""The crop of a face that recognition networks see: five landmarks brought to their template by a similarity."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SIDE = 112
TEMPLATE = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)
"""ArcFace's places of eyes, nose tip and mouth corners in the crop of 112: column and row."""


def similarity(points: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation with scale [B, 2, 2] and shift [B, 2] that bring points [B, n, 2] nearest to targets [B, n, 2].

    Least squares without mirroring (Umeyama 1991): with points as complex numbers, one complex factor. Float64.
    """
    from_, to = points.double(), targets.double()
    centre, goal = from_.mean(1), to.mean(1)
    z, w = (torch.view_as_complex((side - mean[:, None]).contiguous()) for side, mean in ((from_, centre), (to, goal)))
    factor = (z.conj() * w).sum(1) / (z.abs() ** 2).sum(1)
    turn = torch.stack(
        [torch.stack([factor.real, -factor.imag], -1), torch.stack([factor.imag, factor.real], -1)], dim=1
    )
    return turn, goal - (turn @ centre[:, :, None])[:, :, 0]


def face_crop(face: Tensor, landmarks: Tensor, side: int = SIDE) -> Tensor:
    """The crop float32 [side, side, 3] (0..255) of a face uint8 [H, W, 3] by landmarks [5, 2] (column, row).

    A face that is larger than the crop is first averaged over blocks of k x k pixels, k the whole part of the ratio,
    so that no detail aliases; then it is sampled bilinearly. Beyond its border it is black.
    """
    targets = torch.tensor(TEMPLATE, dtype=torch.float64, device=face.device) * (side / SIDE)
    turn, shift = similarity(landmarks.to(face.device)[None], targets[None])
    block = int(torch.linalg.det(turn[0]).sqrt().reciprocal().clamp(1, min(face.shape[:2])))
    picture = face.permute(2, 0, 1)[None].float()
    if block > 1:
        picture = functional.avg_pool2d(picture, block)
    pixels = torch.arange(side, dtype=torch.float64, device=face.device)
    rows, columns = torch.meshgrid(pixels, pixels, indexing="ij")
    source = (torch.stack([columns, rows], -1) - shift[0]) @ torch.linalg.inv(turn[0]).T
    blocks = (source + 0.5) / block  # in blocks from the picture's edge, as grid_sample counts
    size = torch.tensor([picture.shape[3], picture.shape[2]], dtype=torch.float64, device=face.device)
    grid = (2 * blocks / size - 1).float()[None]
    crop = functional.grid_sample(picture, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return crop[0].permute(1, 2, 0)
