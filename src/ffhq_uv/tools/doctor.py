"""doctor: say which published files are here, who needs them, whether they open, and which stages can run."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ffhq_uv.checkpoints.condition import Condition, examine
from ffhq_uv.checkpoints.needs import choices, folders, published
from ffhq_uv.checkpoints.published import NOT_USED, WHERE
from ffhq_uv.checkpoints.readiness import lacks, readiness
from ffhq_uv.command.words import Words
from ffhq_uv.config import Config

WIDTH = 100
INDENT = " " * 6


def run(words: Words, config: Config) -> None:
    """Print the report. Raises RuntimeError if the configured run cannot go on: a file or a package is missing.

    What `pull` is to bring is not missing before it ran.
    """
    places = folders(config)
    conditions = [examine(file, choices(config), places) for file in published(config)]
    print("\n".join(report(conditions, places)))
    print("\n".join(["", *readiness(config, choices(config), places, conditions)]))
    missing = lacks(config, choices(config), places, conditions)
    if stage := next((stage for stage, what in missing.items() if what), None):
        raise RuntimeError(f"the configured run cannot go on: {stage} lacks {'; '.join(missing[stage])}")


def report(conditions: Collection[Condition], folders: Mapping[str, Path]) -> Iterator[str]:
    """The lines that say, for every file, who needs it, its size and SHA-256, and what is wrong with it."""
    yield "Published files; * marks what this configuration needs, in the stages measure and extract."
    for folder, path in folders.items():
        yield f"\n{folder}: {path}/"
        for condition in conditions:
            if condition.file.folder == folder:
                yield from lines(condition)
    yield ""
    yield from textwrap.wrap(f"They are published in {WHERE}.", WIDTH)
    yield "Not needed from there:"
    for name, why in NOT_USED.items():
        yield from textwrap.wrap(f"{name}: {why}", WIDTH, initial_indent="  ", subsequent_indent=INDENT)


def lines(condition: Condition) -> Iterator[str]:
    """What to say of one file, in lines of at most `WIDTH`, but for its problem."""
    file = condition.file
    if condition.size is None:
        state = "not there"
    elif condition.problem is None:
        state = "opens"
    else:
        state = "does not open"
    mark = "*" if condition.needed else " "
    yield f"{mark} {file.path:60} {state}"
    who = f"for {', '.join(file.needed_by)}" if file.needed_by else "optional"
    yield from textwrap.wrap(who, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    if condition.size is not None:
        yield f"{INDENT}{condition.size:,} bytes, sha256 {condition.sha256}"
    if condition.package is not None:
        where = f"not in {file.folder}/: the package's is used, {condition.package}"
        yield from textwrap.wrap(where, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT, break_on_hyphens=False)
    if condition.problem is not None:
        yield f"{INDENT}{condition.problem}"
