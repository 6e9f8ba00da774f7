"""A fitted head moved to where the landmarks of its views are: one shape for all of them, and every view's pose.

A landmark lies where the head's vertex is drawn, but for noise; the head is wrong by a shape error (`ShapeError`),
every pose by a little. All three are Gaussian, so the best estimate is a least-squares solution, relinearised a few
times (Gauss-Newton), with single wrong landmarks weighted down (Student's t). How large the errors are is not known
beforehand: the residuals say it. Noise is independent from landmark to landmark and from view to view, an error of the
shape moves neighbours alike and all views consistently, so the evidence for every ratio of the two (type II maximum
likelihood, MacKay 1992) is computed in closed form and the estimate averaged over it. Where the fit is exact, noisy
landmarks therefore do not move it.

Pixels are those of a face of 1024 unless another size is mentioned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.placement import Head
from ffhq_uv.analysis.shape_error import INNER, ShapeError
from ffhq_uv.camera import CAMERA_DISTANCE, CROP, FOCAL, Alignment, rotation

Floats = NDArray[np.float64]

POSE = np.array([1.0, 1.0, 1.0, 0.5, 0.5, 7.0])
"""What a pose is off by where the shape's standard deviation is 1 model unit: turned about x, y, z (radians) and moved
(model units). Each moves the face in the image by about half of what the shape's error does."""
RATIOS = np.geomspace(1e-5, 0.1, 49)
"""Standard deviations of the shape error (model units) for one pixel of landmark noise, all as likely beforehand."""
NOISE, NOISE_WEIGHT = 2.0, 10.0
"""Landmark noise that is expected beforehand, pixels an axis, and how many coordinates that is worth."""
FREEDOM = 4.0
"""Degrees of freedom of the landmarks' noise: small for heavy tails."""
ROUNDS = 3


class Refiner:
    """Refines the heads of a model."""

    def __init__(self, model: MorphableModel) -> None:
        self._prior = ShapeError.of(model)
        marks = self._prior.keypoints
        rows = (3 * marks[:, None] + torch.arange(3, device=marks.device)).flatten()
        # the landmarks alone, since whoever places the head reads all of the bases anyway
        self._marks = replace(
            model, mean=model.mean[marks], identity=model.identity[rows], expression=model.expression[rows]
        )

    def __call__(self, head: Head, landmarks: Floats) -> Head:
        """A head with a ``correction`` of its shape, other poses, and the ``error`` that they are left with.

        landmarks   [V, 68, 2], column and row in pixels of the face; NaN in a view without: then its pose stays
        """
        marks = self._marks.shape(head.identity.mean(0), head.expression.mean(0)).cpu().double().numpy()
        pixel = head.alignments[0].width / 1024
        views = _Views(
            marks,
            self._prior.at_marks,
            rotation(head.angle.cpu().double()).numpy(),
            head.translation.cpu().double().numpy(),
            head.alignments,
            pixel,
        )
        modes, poses, error = _solve(views, landmarks[:, INNER] / pixel)
        turns, moves = views.poses(poses)
        return replace(
            head,
            # R = Rz Ry Rx
            angle=head.angle.new_tensor(Rotation.from_matrix(turns).as_euler("xyz")),
            translation=head.translation.new_tensor(moves),
            correction=self._prior.displacements(modes),
            error=head.angle.new_tensor(pixel * error),
        )


class _Views:
    """Where ``V`` views show the inner landmarks, by ``M`` modes' coefficients and by what the poses are off by."""

    def __init__(
        self,
        marks: Floats,
        modes: Floats,
        turns: Floats,
        moves: Floats,
        alignments: Sequence[Alignment],
        pixel: float,
    ) -> None:
        self._marks, self._modes, self._turns, self._moves = marks, modes, turns, moves
        self.modes = modes.shape[2]
        corners = torch.tensor([[0.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
        found = np.stack([alignment.crop_to_image(corners).numpy() for alignment in alignments]) / pixel
        self._origin, self._step = found[:, :1], np.diff(found, axis=1)

    def poses(self, off: Floats) -> tuple[Floats, Floats]:
        """Rotations [V, 3, 3] and translations [V, 3] of poses that are off by ``off`` [V, 6], in units of `POSE`."""
        off = POSE * off
        return Rotation.from_rotvec(off[:, :3]).as_matrix() @ self._turns, self._moves + off[:, 3:]

    def show(self, modes: Floats, off: Floats) -> tuple[Floats, Floats]:
        """Pixels [V, 51, 2], by modes [M] and poses [V, 6] (in units of `POSE`); their derivative [.., M + 6 V]."""
        turns, moves = self.poses(off)
        turned = (self._marks + self._modes @ modes) @ turns.swapaxes(1, 2)
        x, y, z = np.moveaxis(turned + moves[:, None], 2, 0)
        depth = CAMERA_DISTANCE - z
        crop = FOCAL * np.stack([x, y], 2) / depth[..., None] + CROP / 2
        by_place = np.zeros((*x.shape, 2, 3))  # in camera axes
        by_place[..., 0, 0] = by_place[..., 1, 1] = FOCAL / depth
        by_place[..., 0, 2], by_place[..., 1, 2] = FOCAL * x / depth**2, FOCAL * y / depth**2
        by_place *= self._step[:, :, :, None]
        (views, marks), count = x.shape, self.modes
        slopes = np.zeros((views, marks, 2, count + 6 * views))
        slopes[..., :count] = (by_place @ turns[:, None]) @ self._modes
        p, q, r = np.moveaxis(turned[:, :, None], 3, 0)
        a, b, c = np.moveaxis(by_place, 3, 0)
        by_turn = np.stack([q * c - r * b, r * a - p * c, p * b - q * a], 3)
        by_pose = np.concatenate([by_turn, by_place], 3) * POSE
        for view in range(views):
            slopes[view, ..., count + 6 * view : count + 6 * view + 6] = by_pose[view]
        return self._origin + crop * self._step, slopes


def _solve(views: _Views, landmarks: Floats) -> tuple[Floats, Floats, Floats]:
    """The coefficients of modes [M] and poses [V, 6] by landmarks [V, 51, 2]; and the views' errors [V], pixels."""
    known = np.asarray(np.isfinite(landmarks).all((1, 2)))
    landmarks = landmarks[known]
    count = len(known)
    state = np.zeros(views.modes + 6 * count)
    if not known.any():
        return state[: views.modes], state[views.modes :].reshape(count, 6), np.full(count, np.nan)
    weight = np.ones(landmarks.shape[:2])
    for _ in range(ROUNDS):
        shown, slopes = views.show(state[: views.modes], state[views.modes :].reshape(count, 6))
        seen = slopes[known]
        wanted = landmarks - shown[known] + seen @ state
        posterior = _estimate(seen.reshape(-1, len(state)), wanted.reshape(-1), np.repeat(weight, 2))
        state = posterior.mean
        left = wanted - seen @ state
        weight = (FREEDOM + 2) / (FREEDOM + np.square(left).sum(2) / posterior.noise)
    error = np.square(slopes @ posterior.directions) @ posterior.variances
    return state[: views.modes], state[views.modes :].reshape(count, 6), np.sqrt(error.sum(2).mean(1))


@dataclass(frozen=True)
class _Posterior:
    """What is known of a state after an estimate: its mean [P], its variances along directions [P, P], the noise's."""

    mean: Floats
    directions: Floats
    variances: Floats
    noise: float


def _estimate(slopes: Floats, wanted: Floats, weight: Floats) -> _Posterior:
    """The state that explains ``wanted`` [K] by ``slopes`` [K, P], averaged over how its scale compares to the noise's.

    Prior: the state is normal with standard deviation ratio * noise, what is left normal with variance noise^2 /
    ``weight`` [K], noise^2 inverse gamma. Along the design's singular vectors all of it is sums of scalars.
    """
    design, target = slopes * np.sqrt(weight)[:, None], wanted * np.sqrt(weight)
    values, directions = np.linalg.eigh(design.T @ design)
    values = values.clip(0)
    along = directions.T @ (design.T @ target)
    gain = RATIOS[:, None] ** 2 / (RATIOS[:, None] ** 2 * values + 1)
    squares = (NOISE_WEIGHT * NOISE**2 + target @ target - gain @ along**2) / (NOISE_WEIGHT + len(target))
    evidence = -0.5 * np.log1p(RATIOS[:, None] ** 2 * values).sum(1)
    evidence -= 0.5 * (NOISE_WEIGHT + len(target)) * np.log(squares)
    share = np.exp(evidence - evidence.max())
    share /= share.sum()
    return _Posterior(
        mean=directions @ (share @ gain * along),
        directions=directions,
        variances=share @ (gain * squares[:, None]),
        noise=float(share @ squares),
    )
