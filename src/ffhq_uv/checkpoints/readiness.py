"""Which stages can run, and what the others wait for."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from ffhq_uv.checkpoints.condition import Condition
from ffhq_uv.checkpoints.needs import made
from ffhq_uv.checkpoints.published import PACKAGES, Published
from ffhq_uv.config import Config, PublishedSource
from ffhq_uv.store import files

MADE = {
    "pull": files.MANIFEST,
    "index": files.INDEX,
    "normalise": files.SAMPLES,
    "measure": files.MEASUREMENTS,
    "truth": files.TEXTURE_TRUTH,
    "filter": files.KEPT,
    "classify": files.CATEGORIES,
    "interpolate": files.RECIPES,
    "extract": files.INTERPOLATED,
    "evaluate": files.PLOTS / "quality_by_category.csv",
}
"""The stages in their order, and a file that is there when one is done."""


def readiness(
    config: Config, choices: Collection[str], folders: Mapping[str, Path], conditions: Collection[Condition]
) -> Iterator[str]:
    """A line for each stage: that it can run now, or after which one, or what it lacks; and what to know besides."""
    lacking = lacks(config, choices, folders, conditions)
    waits, undone = None, None
    yield "Stages; `dvc repro` runs those that can, in this order."
    for stage, result in MADE.items():
        if lacking[stage]:
            state = f"lacks {'; '.join(lacking[stage])}"
            waits = waits or stage
        elif waits:
            state = f"waits for {waits}"
        else:
            state = f"can run after {undone}" if undone else "can run"
        if not result.exists():
            undone = undone or stage
        yield f"  {stage:12} {state}"
    if files.MANIFEST.exists() and "dataset_project/latents" not in _samples():
        yield "Note: the people before, dataset_project/latents.zip, did not come. The stages run without"
        yield 'them, but the table then has nothing in its row "FFHQ", and no ID std, measured against theirs.'


def lacks(
    config: Config, choices: Collection[str], folders: Mapping[str, Path], conditions: Collection[Condition]
) -> dict[str, list[str]]:
    """What is missing, by stage, apart from what earlier stages make."""
    found: dict[str, list[str]] = {stage: [] for stage in MADE}
    source = config.source
    if isinstance(source, PublishedSource) and not any(
        (source.url, source.dataset, source.dataset_project, source.topo_assets, source.checkpoints)
    ):
        found["pull"].append(
            "source.url: `python -m ffhq_uv pull source=ffhq_uv` says what to download, and from where"
        )
    if files.MANIFEST.exists():
        if config.normalise.name == "off":
            found["index"] = _archives(_samples())
        else:
            found["index"], found["normalise"] = _project(_samples())
    absent = [
        condition.file.path
        for condition in conditions
        if condition.needed
        and (condition.size is None or condition.problem is not None)
        and not brought(condition.file, folders)
    ]
    more = ", ..." if len(absent) > 1 else ""
    missing = [f"{len(absent)} of the files marked * above ({absent[0]}{more})"] if absent else []
    for packages, extra in sorted({needs for choice, needs in PACKAGES.items() if made(choice, choices)}):
        missing += [f"{name} (pip install -e '.[{extra}]')" for name in packages if find_spec(name) is None]
    stages = ["measure", "extract"]
    stages += ["truth"] if config.generator.name == "studio" else []
    stages += ["normalise"] if config.normalise.name != "off" else []
    for stage in stages:
        found[stage] = found[stage] + missing
    return found


def brought(file: Published, folders: Mapping[str, Path]) -> bool:
    """Whether a file is yet to come with the archives: `pull` has not run, and it belongs where pull puts things."""
    return not files.MANIFEST.exists() and file.at(folders).is_relative_to(files.ARCHIVES)


def _samples() -> dict[str, int]:
    """How many samples each archive that came has, as `pull` listed them."""
    samples: dict[str, int] = json.loads(files.MANIFEST.read_text())["samples"]
    return samples


def _project(samples: dict[str, int]) -> tuple[list[str], list[str]]:
    """What of the project's own files is missing for `index`, and for `normalise`."""
    parts = {part.removeprefix("dataset_project/") for part in samples}
    missing = [
        f"{what}, dataset_project/{name}"
        for name, what in (("latents", "the people's codes"), ("attributes", "their attributes"))
        if name not in parts
    ]
    return missing, [] if "lights" in parts else ["the light on each person, dataset_project/lights"]


def _archives(samples: dict[str, int]) -> list[str]:
    """Which of the archives that came are missing: faces are drawn from codes, so nothing stands in for them."""
    missing = []
    parts = {name for part in samples for name in part.split("/")}
    if parts.isdisjoint({"face-latents", "edit", "ffhq-uv-face-latents"}):
        missing.append(
            "the samples' codes, dataset/ffhq-uv/face-latents (maps and meta-info.json alone tell who there is, but "
            "every measurement begins with faces, and they are drawn from codes)"
        )
    if parts.isdisjoint({"meta-info.json", "attributes", "ffhq-uv-face-attributes"}):
        missing.append("the samples' attributes, dataset/ffhq-uv/meta-info.json")
    return missing
