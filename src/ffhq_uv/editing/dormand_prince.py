"""The Runge-Kutta pair of order 5 and 4 by Dormand and Prince (1980)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

TIMES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
"""Where in a step each of the seven velocities is taken."""
STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""What of the velocities before leads to the point where each is taken. The last of these points is the solution, and
its velocity the first of the next step."""
ERROR = (
    35 / 384 - 1951 / 21600,
    0.0,
    500 / 1113 - 22642 / 50085,
    125 / 192 - 451 / 720,
    -2187 / 6784 - -12231 / 42400,
    11 / 84 - 649 / 6300,
    -1 / 60,
)
"""What of the velocities is the difference to the second solution, as torchdiffeq has it (Shampine 1986)."""
MIDDLE = (
    6025192743 / 30085553152 / 2,
    0.0,
    51252292925 / 65400821598 / 2,
    -2691868925 / 45128329728 / 2,
    187940372067 / 1594534317056 / 2,
    -1776094331 / 19743644256 / 2,
    11237099 / 235043384 / 2,
)
"""What of the velocities leads to the middle of the step (Shampine 1986)."""


def ahead(x: Tensor, velocities: Sequence[Tensor], shares: Sequence[float], step: float) -> Tensor:
    """x plus ``step`` times the sum of shares of the velocities, added one after the other."""
    for velocity, share in zip(velocities, shares, strict=True):
        if share:
            x = torch.add(x, velocity, alpha=step * share)
    return x
