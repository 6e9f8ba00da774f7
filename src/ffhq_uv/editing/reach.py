"""How far the codes of a data set lie from their middle, layer by layer: a code beyond that is no face any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.float32]


@dataclass(frozen=True)
class Reach:
    """The middle of codes, float32 [18, 512], and how far from it a layer may be, float64 [18]."""

    middle: Codes
    farthest: NDArray[np.float64]

    def beyond(self, codes: Codes) -> list[str | None]:
        """Of codes [B, ..., 18, 512], why they are out of reach: the layer that is so most. None: they are not."""
        away = distances(codes, self.middle).reshape(len(codes), -1, len(self.farthest)).max(1, initial=0)
        over = away / self.farthest
        return [
            f"layer {layer} is {away[row, layer]:.3g} from the middle of the data set's codes, "
            f"farther than {self.farthest[layer]:.3g}"
            if over[row, layer] > 1
            else None
            for row, layer in enumerate(over.argmax(1))
        ]


def reach(codes: Callable[[], Iterable[Codes]], quantile: float, slack: float) -> Reach:
    """The reach of codes that come in parts [k, 18, 512], twice.

    quantile   of the codes' own distances, 0..1, by layer
    slack      what that is multiplied with

    Raises ValueError where there are no codes.
    """
    total, count = np.zeros((1, 1)), 0
    for part in codes():
        total, count = total + part.sum(0, dtype=np.float64), count + len(part)
    if not count:
        raise ValueError("reach: there are no codes to take the middle of")
    middle = (total / count).astype(np.float32)
    away = np.concatenate([distances(part, middle) for part in codes()])
    return Reach(middle, slack * np.quantile(away, quantile, axis=0))


def distances(codes: Codes, middle: Codes) -> NDArray[np.float64]:
    """Euclidean distances of layers [..., 18, 512] from their middle [18, 512]: [..., 18]."""
    return np.asarray(np.linalg.norm((codes - middle).astype(np.float64), axis=-1))
