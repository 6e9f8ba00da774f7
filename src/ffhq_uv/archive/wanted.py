"""Which of the published files a run asks for: some parts, some samples."""

from __future__ import annotations

import re
from collections.abc import Collection

from ffhq_uv.formats.names import without_suffix

CHUNK = 1000
"""Samples in a chunk of the data sets: sample 036481 lies in chunk 036."""
_OF_CHUNKS = re.compile(
    r"(?:.*/)?(uv-maps|face-latents|ffhq-uv(-interpolate)?(-face-latents)?|standard)/(?P<below>[^/]+)"
)
_OF_SAMPLES = re.compile(r"(?P<id>\d{6}|\d{5}|\d{3})(?!\d)")

Samples = int | Collection[str] | None
"""The first n of each data set, or some ids (six digits; five in dataset_project), or all."""


def in_parts(path: str, parts: Collection[str]) -> bool:
    """Whether a file belongs to one of the parts, such as ``dataset_project`` or ``dataset/ffhq-uv/face-latents``, or
    is an archive in which one may lie."""
    folders = [without_suffix(name) for name in path.split("/")]
    packed = folders[-1] != path.rpartition("/")[2]
    for part in parts:
        names = part.strip("/").split("/")
        if folders[: len(names)] == names or (packed and names[: len(folders)] == folders):
            return True
    return False


def in_samples(path: str, samples: Samples) -> bool:
    """Whether a file may hold some of the samples, as far as its chunk's or its own name tells."""
    if samples is None or not (found := _OF_CHUNKS.match(path)):
        return True
    name = without_suffix(found["below"])
    if not (match := _OF_SAMPLES.match(name)):
        return True
    first, count = (int(match["id"]) * CHUNK, CHUNK) if len(match["id"]) == 3 else (int(match["id"]), 1)
    if isinstance(samples, int):
        return first < samples
    return any(first <= int(id) < first + count for id in samples if len(id) == 6)


def first_of(ids: Collection[str], samples: Samples) -> set[str]:
    """Those of a data set's ids that are asked for."""
    if samples is None:
        return set(ids)
    return set(sorted(ids)[:samples]) if isinstance(samples, int) else set(ids) & set(samples)
