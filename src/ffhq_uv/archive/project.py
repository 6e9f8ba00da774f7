"""What ``dataset_project`` tells of a photographed face: ``attributes/<id>.json`` and ``lights/<id>.npy``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ffhq_uv.archive.attributes import decode_face
from ffhq_uv.archive.catalogue import PROJECT
from ffhq_uv.archive.containers import ArchiveError, Archives
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.scanning import scan


@dataclass(frozen=True)
class Told:
    """Of a sample: the nine coefficients of its light (`lights.decode_light`), and its numbers by their names."""

    light: tuple[float, ...]
    numbers: dict[str, float]


def told_of(root: Path, limits: Limits = PUBLISHED) -> dict[str, dict[str, str]]:
    """By id, where its ``attributes`` and ``lights`` lie; the last, where there are two."""
    found: dict[str, dict[str, str]] = {}
    for member in scan(root, PROJECT, limits=limits):
        if member.part in ("attributes", "lights"):
            found.setdefault(member.id, {})[member.part] = member.location
    return found


def read_told(archives: Archives, locations: dict[str, str]) -> Told | str:
    """What is told of a sample at its locations (`told_of`), or the reason why it cannot be known."""
    for part, word in (("attributes", "attributes"), ("lights", "light")):
        if part not in locations:
            return f"missing_{word}"
    try:
        numbers = decode_face(archives.read(locations["attributes"]), locations["attributes"])
    except ArchiveError as error:
        return f"attributes_unreadable: {error}"
    known = {name: number for name, number in numbers.items() if number is not None}
    if unknown := numbers.keys() - known.keys():
        return f"attribute_unknown:{','.join(sorted(unknown)).lower()}"
    try:
        light = decode_light(archives.read(locations["lights"]), locations["lights"])
    except ArchiveError as error:
        return f"light_unreadable: {error}"
    if not abs(light).max() <= LARGEST_LIGHT:
        return f"light_unreadable: {locations['lights']}: NaN, or beyond {LARGEST_LIGHT}"
    return Told(tuple(light.tolist()), known)


LARGEST_LIGHT = 100.0
"""Of a coefficient; published ones are about 1."""
