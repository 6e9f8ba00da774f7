"""doctor: which published files are here, who needs them, and whether they open. No stage of the pipeline."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ffhq_uv.checkpoints import NOT_USED, PUBLISHED, WHERE, Condition, examine
from ffhq_uv.config import Config
from ffhq_uv.stages import files


def run(config: Config) -> None:
    """Print the report. Raises RuntimeError if a file that this configuration needs is missing or does not open."""
    folders = {"checkpoints": config.checkpoints, "topo_assets": files.TOPO_ASSETS}
    conditions = [examine(file, choices(config), folders) for file in PUBLISHED]
    print("\n".join(report(conditions, folders)))
    if bad := [condition.file.path for condition in conditions if condition.needed and not works(condition)]:
        raise RuntimeError(f"this configuration lacks {len(bad)} published files: {', '.join(bad)}")


def choices(config: Config) -> frozenset[str]:
    """What a configuration chose, as ``analysis=deep3d``."""
    sections = ((group, getattr(config, group)) for group in type(config).model_fields)
    return frozenset(f"{group}={section.name}" for group, section in sections if hasattr(section, "name"))


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
