"""What normalising the studio's photographed people really did to them: their codes tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ffhq_uv.studio.codes import Codes, read
from ffhq_uv.studio.person import person
from ffhq_uv.studio.publish import truth_of

EVEN = np.array([1.0] + [0.0] * 8)
"""The light that people are normalised to."""
SKIN = ("melanin", "haemoglobin", "undertone", "freckles", "blotches", "moles")
KEPT = ("age", "identity", "skin")
"""What normalising leaves as it is."""


def truth(ids: Sequence[str], fronts: Iterable[Codes]) -> pl.DataFrame:
    """What is really wrong with normalised people, as ``truth.parquet`` says it.

    fronts   float32 [k, 18, 512], some of them at a time
    """
    codes = (code for some in fronts for code in some)
    return pl.DataFrame([truth_of(id, person(code)) for id, code in zip(ids, codes, strict=True)])


def agreement(
    fronts: Iterable[tuple[Codes, Codes]], told: Mapping[str, NDArray[np.floating]]
) -> dict[str, dict[str, float]]:
    """What people are now, and what of them changed that should not.

    Of yaw and pitch (degrees), of the light (its coefficients' largest distance from even) and of the smile (share):
    the mean, the standard deviation, and the farthest from what it should be. Of age (years), of identity (standard
    deviations among people) and of the skin (its parameters): the largest change.

    fronts   codes [k, 18, 512] before and after, some people at a time
    told     what the service told of the photographs, counted as `codes.read` does: yaw and pitch [n, 1], light [n, 9].
             It errs, and an edit takes away what was told; ``beyond_told`` is the farthest without those errors
    """
    parts = [(_looks(before), _looks(after)) for before, after in fronts]
    old, new = ({name: np.concatenate([part[at][name] for part in parts]) for name in parts[0][at]} for at in (0, 1))
    should = {"yaw": np.zeros(1), "pitch": np.zeros(1), "light": EVEN}
    beyond = {name: float(np.abs(new[name] - should[name] + told[name] - old[name]).max()) for name in should}
    return {
        "yaw": _spread(new["yaw"]) | {"beyond_told": beyond["yaw"]},
        "pitch": _spread(new["pitch"]) | {"beyond_told": beyond["pitch"]},
        "light": _spread(np.abs(new["light"] - EVEN).max(-1)) | {"beyond_told": beyond["light"]},
        "light_mean_coefficient": {"farthest": float(np.abs((new["light"] - EVEN).mean(0)).max())},
        "smile": _spread(new["smile"]),
        **{name: {"most_changed": float(np.abs(new[name] - old[name]).max(initial=0))} for name in KEPT},
    }


def _looks(codes: Codes) -> dict[str, NDArray[np.floating]]:
    """What is asked of people [k, 18, 512], [k, ...] each."""
    found, people = read(codes), [person(code) for code in codes]
    return {
        **{name: found[name] for name in ("yaw", "pitch", "light")},
        "smile": np.array([one.smile for one in people]),
        "age": np.array([one.age for one in people]),
        "identity": np.array([one.identity for one in people]),
        "skin": np.concatenate([found[name] for name in SKIN], axis=-1),
    }


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return {"mean": float(values.mean()), "std": float(values.std()), "farthest": float(np.abs(values).max())}
