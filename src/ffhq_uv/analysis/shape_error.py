"""What the shape of a fitted head may be wrong by: a Gaussian prior over the displacements of its vertices.

Two parts in equal shares: the model's own bases, of which a fit finds a shrunken part, and a smooth free-form field for
what no basis has. The free-form field is a Gaussian process on the mean head, on three scales, because faces differ in
their width as well as in their lips, and nearly symmetric, because faces are. It is given up to one factor, which
`refine` finds: a coordinate of an inner landmark has a standard deviation of 1 model unit in the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ffhq_uv.analysis.morphable import MorphableModel

Floats = NDArray[np.float64]

INNER = slice(17, 68)
"""The iBUG landmarks that every view shows in one place: all but the jaw's, which on the far side are hidden."""
SCALES = ((0.1, 0.15), (0.3, 0.35), (0.8, 0.5))
"""Of every scale of the free-form field: its length, model units, and its share of the variance."""
SYMMETRIC = 0.9
"""Share of the free-form field's variance in which the face's sides are mirror images of each other."""
BASES = 0.5
"""The bases' share of the variance, where the model has any."""
NEGLIGIBLE = 1e-3
"""Modes of a smaller share of the largest one's variance are left out. All of them would move a refined head by some
hundredths of what it was off before."""

_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class ShapeError:
    """``M`` modes of displacement, each with a standard normal coefficient.

    keypoints   int64 [51], the vertices of the inner landmarks
    at_marks    float64 [51, 3, M], how far a mode displaces them, model units
    anywhere    float32 [3 N, M], how far it displaces every vertex, x, y, z after each other
    """

    keypoints: Tensor
    at_marks: Floats
    anywhere: Tensor

    @classmethod
    def of(cls, model: MorphableModel) -> ShapeError:
        """The prior for the heads of a model."""
        keypoints = model.keypoints[INNER]
        mean = model.mean.cpu().double().numpy()
        marks = mean[keypoints.cpu()]
        bases = torch.cat([model.identity, model.expression], 1)
        rows = (3 * keypoints[:, None] + torch.arange(3, device=keypoints.device)).flatten()
        bases_at_marks = bases[rows].cpu().double().numpy()
        variance = float(np.square(bases_at_marks).sum(1).mean())
        share = BASES / variance if variance > 0 else 0.0
        free = 1 - share * variance
        covariance = share * bases_at_marks @ bases_at_marks.T
        for axis, along in enumerate(free * _covariance(marks, marks)):
            covariance[axis::3, axis::3] += along
        values, vectors = np.linalg.eigh(covariance)
        kept = values > NEGLIGIBLE * values[-1]
        modes = vectors[:, kept] * np.sqrt(values[kept])
        # elsewhere: the field's expectation, given its values at the landmarks
        per_value = modes / values[kept]
        anywhere = (share * bases.cpu() @ torch.from_numpy(bases_at_marks.T @ per_value).float()).numpy()
        for axis, along in enumerate(free * _covariance(mean, marks)):
            anywhere[axis::3] += along @ per_value[axis::3]
        at_marks = modes.reshape(len(marks), 3, -1)
        return cls(keypoints, at_marks, torch.from_numpy(anywhere).to(model.mean.device))

    def displacements(self, coefficients: Floats) -> Tensor:
        """Every vertex's displacement float32 [N, 3], model units, by coefficients [M]."""
        column = torch.from_numpy(coefficients).float().to(self.anywhere.device)
        return (self.anywhere @ column).reshape(-1, 3)


def _covariance(a: Floats, b: Floats) -> Floats:
    """Of the free-form field's x, y and z between places [n, 3] and [m, 3]: [3, n, m]."""
    here, mirrored = _kernel(a, b), _kernel(a, b * _MIRROR)
    return np.stack([here + SYMMETRIC * sign * mirrored for sign in _MIRROR])


def _kernel(a: Floats, b: Floats) -> Floats:
    squares = np.square(a[:, None] - b).sum(-1)
    return np.asarray(sum(share * np.exp(squares / (-2 * scale**2)) for scale, share in SCALES))
