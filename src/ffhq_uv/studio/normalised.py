"""What normalising the studio's photographed people really did to them: their codes tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.studio.codes import Codes, read
from ffhq_uv.studio.person import person
from ffhq_uv.studio.publish import truth_of

EVEN = np.array([1.0] + [0.0] * 8)
"""The light that people are normalised to."""
SKIN = ("melanin", "haemoglobin", "undertone", "freckles", "blotches", "moles")


def truth(ids: Sequence[str], fronts: Codes) -> pl.DataFrame:
    """What is really wrong with normalised people, fronts float32 [n, 18, 512]; as ``truth.parquet`` says it."""
    return pl.DataFrame([truth_of(id, person(code)) for id, code in zip(ids, fronts, strict=True)])


def agreement(before: Codes, after: Codes, told: Mapping[str, NDArray[np.floating]]) -> dict[str, dict[str, float]]:
    """What the people of codes [n, 18, 512] are now, and what of them changed that should not.

    Of yaw and pitch (degrees), of the light (its coefficients' largest distance from even) and of the smile (share):
    the mean, the standard deviation, and the farthest from what it should be. Of age (years), of identity (standard
    deviations among people) and of the skin (its parameters): the largest change.

    told   what the service told of the photographs, counted as `codes.read` does: yaw and pitch [n, 1], light [n, 9].
           It errs, and an edit takes away what was told; ``beyond_told`` is the farthest without those errors
    """
    old, new = read(before), read(after)
    should = {"yaw": np.zeros(1), "pitch": np.zeros(1), "light": EVEN}
    beyond = {name: float(np.abs(new[name] - should[name] + told[name] - old[name]).max()) for name in should}
    people = [(person(was), person(now)) for was, now in zip(before, after, strict=True)]
    kept = {
        "age": np.array([now.age - was.age for was, now in people]),
        "identity": np.array([now.identity - was.identity for was, now in people]),
        "skin": np.concatenate([new[name] - old[name] for name in SKIN], axis=-1),
    }
    return {
        "yaw": _spread(new["yaw"]) | {"beyond_told": beyond["yaw"]},
        "pitch": _spread(new["pitch"]) | {"beyond_told": beyond["pitch"]},
        "light": _spread(np.abs(new["light"] - EVEN).max(-1)) | {"beyond_told": beyond["light"]},
        "light_mean_coefficient": {"farthest": float(np.abs((new["light"] - EVEN).mean(0)).max())},
        "smile": _spread(np.array([now.smile for _, now in people])),
        **{name: {"most_changed": float(np.abs(change).max(initial=0))} for name, change in kept.items()},
    }


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {"mean": float(values.mean()), "std": float(values.std()), "farthest": float(np.abs(values).max())}
