"""doctor: which published files are here and open, who needs them, which stages can run. No stage of the pipeline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ffhq_uv.checkpoints import (
    NOT_USED,
    PUBLISHED,
    WHERE,
    Condition,
    Published,
    examine,
    require,
    with_own_files,
)
from ffhq_uv.config import Config, Section
from ffhq_uv.stages import files
from ffhq_uv.stages.readiness import readiness


def run(config: Config) -> None:
    """Print the report. Raises RuntimeError if a file that this configuration needs is missing or does not open."""
    conditions = [examine(file, choices(config), folders(config)) for file in published(config)]
    print("\n".join(report(conditions, folders(config))))
    print("\n".join(["", *readiness(config, choices(config), folders(config), conditions)]))
    if bad := [condition.file.path for condition in conditions if condition.needed and not works(condition)]:
        raise RuntimeError(f"this configuration lacks {len(bad)} published files: {', '.join(bad)}")


def check(config: Config) -> None:
    """For a stage before its work: raise an error naming the published files and packages that it will miss."""
    require(choices(config), folders(config), published(config))


def published(config: Config) -> tuple[Published, ...]:
    """The published files, or those that the configuration names in their place (``checkpoint`` of a section)."""
    paths = ((choice, getattr(section, "checkpoint", None)) for choice, section in sections(config).items())
    own = {choice: path for choice, path in paths if path is not None}
    default = {file.at(folders(config)) for file in PUBLISHED}
    return with_own_files({choice: path for choice, path in own.items() if path not in default})


def folders(config: Config) -> dict[str, Path]:
    """Where the two published folders are."""
    return {"checkpoints": config.checkpoints, "topo_assets": files.TOPO_ASSETS}


def choices(config: Config) -> frozenset[str]:
    """What a configuration chose, as ``analysis=deep3d``."""
    return frozenset(sections(config))


def sections(config: Config) -> dict[str, Section]:
    """The sections that are a choice among several, by that choice."""
    every = ((group, getattr(config, group)) for group in type(config).model_fields)
    return {f"{group}={section.name}": section for group, section in every if hasattr(section, "name")}


def works(condition: Condition) -> bool:
    """Whether a file is there and opens."""
    return condition.size is not None and condition.problem is None


def report(conditions: Collection[Condition], folders: Mapping[str, Path]) -> Iterator[str]:
    """The lines that say, for every file, who needs it, its size and SHA-256, and what is wrong with it."""
    yield "Published files; * marks what this configuration needs, in the stages measure and extract."
    for folder, path in folders.items():
        yield f"\n{folder}: {path}/"
        for condition in conditions:
            if condition.file.folder == folder:
                yield from lines(condition)
    yield f"\nThey are published in {WHERE}.\nNot needed from there:"
    yield from (f"  {path}: {why}" for path, why in NOT_USED.items())


def lines(condition: Condition) -> Iterator[str]:
    """What to say of one file."""
    file = condition.file
    if condition.size is None:
        state = "not there"
    elif condition.problem is None:
        state = "opens"
    else:
        state = "does not open"
    mark = "*" if condition.needed else " "
    yield f"{mark} {file.path:55} {state:14} {', '.join(file.needed_by) or 'optional'}"
    if condition.size is not None:
        yield f"    {condition.size:,} bytes, sha256 {condition.sha256}"
    if condition.problem is not None:
        yield f"    {condition.problem}"
