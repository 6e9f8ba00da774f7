"""What a configuration asks for and cannot have, told before any stage spends time; each value by itself is allowed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ffhq_uv.config.sections import Config

RECORDED = ("age", "beard", "smile", "neutral")
"""The recorded numbers that can be cut into bins."""


def contradictions(config: Config) -> Iterator[str]:
    """One line for each: the key, its value, why it cannot be, and what can."""
    filter, classify, interpolate = config.filter, config.classify, config.interpolate
    if config.light.name == "none" and (filter.light.max is not None or filter.light.quantile is not None):
        yield "filter.light: a bound is set, and light=none measures no light; choose light=dpr, or leave both null"
    edges = {"age_edges": classify.age_edges, "beard_edges": classify.beard_edges}
    edges |= {f"also[{place}].edges": axis.edges for place, axis in enumerate(classify.also)}
    for name, values in edges.items():
        if not _ascending(values):
            yield f"classify.{name}: {list(values)} found, ascending numbers expected"
    for axis in classify.also:
        if axis.column not in RECORDED:
            yield f"classify.also: no recorded number {axis.column!r}; there are: {', '.join(RECORDED)}"
    if config.source.reference_images is not None and config.identity.name == "coefficients":
        yield (
            "source.reference_images: identity=coefficients measures heads, and pictures have none; choose "
            "identity=arcface, onnx, dlib or dct, or leave it null"
        )
    if interpolate.weights in ("beta", "half") and interpolate.parents != 2:
        yield (
            f"interpolate.weights: {interpolate.weights} is for two parents, and interpolate.parents is "
            f"{interpolate.parents}; choose uniform or dirichlet"
        )
    if interpolate.gate.enabled and filter.expression.neutral and config.expression.name in ("recorded", "emotions"):
        yield (
            "interpolate.gate: new maps are held to a bound on expression, which nobody recorded of new people "
            f"(expression={config.expression.name}); choose expression=coefficients, or filter.expression.neutral=false"
        )
    if config.shard is not None:
        part, parts = map(int, config.shard.split("/"))
        if part >= parts:
            yield f"shard: {config.shard} found, i/n with i from 0 to n - 1 expected"


def absent_devices(config: Config) -> Iterator[str]:
    """One line for each section whose device is not on this machine. Imports torch, if any is but the CPU."""
    for name in type(config).model_fields:
        device = getattr(getattr(config, name), "device", "cpu")
        if device.partition(":")[0] == "cpu":
            continue
        import torch

        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            problem = str(error).partition("\n")[0]
            yield f"{name}.device: {device} is not here ({problem}); choose {name}.device=cpu"


def _ascending(values: Sequence[float]) -> bool:
    return all(low < high for low, high in pairwise(values))
