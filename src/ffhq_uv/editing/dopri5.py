"""Solving differential equations as torchdiffeq 0.0.1's ``dopri5`` did, the solver that the data set was made with.

Each step is as long as the error of the one before allows. Two things are as they came about there: the first step is
as long as the first derivative alone suggests, and no step is cut to the end; what lies there is read off a polynomial
through the last step. Times are float64, the arithmetic within a step is float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from ffhq_uv.editing.dormand_prince import ERROR, MIDDLE, STAGES, TIMES

TOLERANCE = 1e-5
"""Of an error: absolute, and relative to the state."""
MOST_STEPS = 1000
"""Attempts until a solution is given up; the flow with random weights takes 3 to 12."""

State = tuple[Tensor, ...]
"""Components: the largest of their errors counts."""
Derivative = Callable[[float, State], State]


class DivergedError(ValueError):
    """A solution cannot be followed to its end."""


def dopri5(derivative: Derivative, state: State, start: float, end: float) -> State:
    """The state at ``end`` > ``start`` of what is ``state`` at ``start`` and changes by ``derivative``.

    Raises DivergedError where steps become endless or infinitely small, or `MOST_STEPS` are not enough.
    """
    first = derivative(_single(start), state)
    time, step = start, _first_step(state, first)
    for _ in range(MOST_STEPS):
        if not math.isfinite(step) or time + step == time:
            break
        derivatives, after = _stages(derivative, time, step, state, first)
        error = max(map(_ratio, _sums(derivatives, ERROR, step), state, after))
        if error <= 1:
            if time + step >= end:
                share = np.float32(end) - np.float32(time)
                share /= np.float32(time + step) - np.float32(time)
                return _within(derivatives, state, after, step, float(share))
            time, state, first = time + step, after, derivatives[-1]
        step *= _factor(error)
    raise DivergedError(f"no end after {MOST_STEPS} steps or in finite ones: at {time:g} of {end:g}")


def _stages(derivative: Derivative, time: float, step: float, state: State, first: State) -> tuple[list[State], State]:
    """The seven derivatives of a step, and the state after it."""
    derivatives, after = [first], state
    for at, shares in zip(TIMES[1:], STAGES[1:], strict=True):
        after = tuple(x + change for x, change in zip(state, _sums(derivatives, shares, step), strict=True))
        derivatives.append(derivative(float(np.float32(time) + np.float32(at) * np.float32(step)), after))
    return derivatives, after


def _first_step(state: State, first: State) -> float:
    """(0.01 / the larger derivative)^(1/5), each relative to what is tolerated."""
    sizes = (
        float((change / (TOLERANCE + TOLERANCE * x.abs())).square().mean().sqrt())
        for x, change in zip(state, first, strict=True)
    )
    return _single(math.pow(_single(0.01 / max(*sizes, 1e-30)), 1 / 5))


def _ratio(error: Tensor, before: Tensor, after: Tensor) -> float:
    """The mean of the squared errors, each relative to what is tolerated; NaN counts as infinite."""
    ratio = float((error / (TOLERANCE + TOLERANCE * before.abs().maximum(after.abs()))).square().mean())
    return math.inf if math.isnan(ratio) else ratio


def _factor(error: float) -> float:
    """By how much longer the next step is: 0.2 to 10, and at least 1 after an accepted one."""
    if error == 0:
        return 10.0
    shorter = math.pow(math.sqrt(error), _single(0.2)) / 0.9
    return 1 / max(0.1, min(shorter, 1.0 if error < 1 else 5.0))


def _within(derivatives: Sequence[State], before: State, after: State, step: float, share: float) -> State:
    """The state at a share of a step: the polynomial of order 4 through its ends, slopes and middle."""
    middles = [x + change for x, change in zip(before, _sums(derivatives, MIDDLE, step), strict=True)]
    ends = zip(before, after, middles, derivatives[0], derivatives[-1], strict=True)
    return tuple(
        (-2 * step * f0 + 2 * step * f1 - 8 * y0 - 8 * y1 + 16 * middle) * share**4
        + (5 * step * f0 - 3 * step * f1 + 18 * y0 + 14 * y1 - 32 * middle) * share**3
        + (-4 * step * f0 + step * f1 - 11 * y0 - 5 * y1 + 16 * middle) * share**2
        + step * f0 * share
        + y0
        for y0, y1, middle, f0, f1 in ends
    )


def _sums(derivatives: Sequence[State], shares: Sequence[float], step: float) -> State:
    """Per component, ``step`` times the sum of shares of the derivatives."""
    factors = [float(np.float32(step) * np.float32(share)) for share in shares]
    return tuple(
        sum(factor * change for factor, change in zip(factors, known, strict=True))
        for known in zip(*derivatives, strict=True)
    )


def _single(number: float) -> float:
    return float(np.float32(number))
