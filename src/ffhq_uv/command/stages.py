"""The stages as they are called by hand: which there are, and the help of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from ffhq_uv.config import CONF, flat, groups, recorded_text
from ffhq_uv.formats.yaml_text import read_yaml

DVC_YAML = Path("dvc.yaml")

STAGES = {
    "config": "compose conf/ into params.yaml",
    "pull": "bring the published archives to data/archives",
    "index": "read them: attributes and latent codes of every sample",
    "chain": "take the checksums of the code that makes and measures faces",
    "checkpoints": "take the checksums of the networks that the configuration uses",
    "normalise": "edit photographed people into the samples of the data set",
    "measure": "generate faces, extract textures, measure them",
    "truth": "compare both ways of extracting textures with the studio's true maps",
    "filter": "keep the samples that are evenly lit, unhidden and neutral",
    "classify": "sort the kept samples into categories",
    "interpolate": "draw parents and weights of the new samples",
    "extract": "mix codes, generate faces, extract and write the new UV maps",
    "evaluate": "compare the data sets: the quality table",
}
"""The stages of dvc.yaml, in their order."""


def help(stage: str) -> str:
    """A stage's help: what it does, and the keys that it reads, with their values and the groups to choose from."""
    return "\n".join(_help(stage))


def _help(stage: str) -> Iterator[str]:
    yield f"usage: python -m ffhq_uv {stage} [KEY=VALUE ...] [--params FILE] [--show] [--traceback]"
    yield f"\n{stage}: {STAGES[stage]}."
    reads = read_yaml(CONF.parent / DVC_YAML)["stages"][stage].get("params", [])
    if not reads:
        return
    yield "\nIts keys, with the values of conf/, which explains each:"
    for key, value in flat(yaml.safe_load(recorded_text())):
        if any(key == name or key.startswith(f"{name}.") for name in reads) and not key.endswith(".name"):
            yield f"  {key}={value if isinstance(value, str) else json.dumps(value)}"
    if chosen := {name: members for name, members in groups().items() if name in reads}:
        yield "\nGroups, of which another member brings other values:"
        yield from (f"  {name}={'|'.join(members)}" for name, members in chosen.items())
