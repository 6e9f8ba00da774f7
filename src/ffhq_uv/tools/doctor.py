"""doctor: say which published files are here, who needs them, whether they open, and which stages can run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ffhq_uv.checkpoints.condition import Condition, examine, works
from ffhq_uv.checkpoints.needs import choices, folders, published
from ffhq_uv.checkpoints.published import NOT_USED, WHERE
from ffhq_uv.checkpoints.readiness import readiness
from ffhq_uv.command.words import Words
from ffhq_uv.config import Config


def run(words: Words, config: Config) -> None:
    """Print the report. Raises RuntimeError if a file that this configuration needs is missing or does not open."""
    conditions = [examine(file, choices(config), folders(config)) for file in published(config)]
    print("\n".join(report(conditions, folders(config))))
    print("\n".join(["", *readiness(config, choices(config), folders(config), conditions)]))
    if bad := [condition.file.path for condition in conditions if condition.needed and not works(condition)]:
        raise RuntimeError(f"this configuration lacks {len(bad)} published files: {', '.join(bad)}")


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
