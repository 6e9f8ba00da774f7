"""clean: say what unfinished work is kept in data/, and remove it when asked."""

from __future__ import annotations

from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import ConfigError
from ffhq_uv.shards.work import Kept, kept_work

ALL = "all"


class Words(Declared):
    """What the tool is told."""

    remove: str = Field("", description="the stage whose work is removed, or all; without it, nothing is")


def run(words: Words) -> None:
    """List the work, or remove a stage's. Raises ConfigError for a stage that has none."""
    work = kept_work()
    for kept in work:
        state = "its stage ended well" if kept.finished else "not finished"
        print(f"{kept.folder.name}: {kept.shards:,} shards, {_size(kept)}, {state}")
    if not words.remove:
        print("Nothing was removed: clean remove=STAGE, or remove=all" if work else "no work is kept")
        return
    chosen = [kept for kept in work if words.remove in (ALL, kept.stage)]
    if not chosen:
        raise ConfigError(f"remove={words.remove}: no work of it is kept; there is some of {_stages(work) or 'none'}")
    for kept in chosen:
        print(f"{'removed' if kept.remove() else 'left alone, a run is at it'}: {kept.folder.name}, {_size(kept)}")


def _stages(work: list[Kept]) -> str:
    return ", ".join(sorted({kept.stage for kept in work}))


def _size(kept: Kept) -> str:
    return f"{kept.bytes / 1e9:.1f} GB" if kept.bytes >= 1e9 else f"{kept.bytes / 1e6:.1f} MB"
