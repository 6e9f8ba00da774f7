"""params.yaml, the composition that DVC watches: written from conf/, and kept where someone edited it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, Literal

import yaml
from omegaconf import OmegaConf

from ffhq_uv.config.composition import composed, flat
from ffhq_uv.formats.yaml_text import read_yaml
from ffhq_uv.once import once_a_run

PARAMS = Path("params.yaml")
STAMP = "# composed from conf/ "
"""Begins the first line of params.yaml."""


@once_a_run
def recorded_text() -> str:
    """The text that ``dvc exp run`` would write to params.yaml; composed once, since conf/ stays as it is meanwhile."""
    return OmegaConf.to_yaml(composed())


def refresh(how: Literal["keep", "reset", "adopt"] = "keep", path: Path = PARAMS) -> bool:
    """Write params.yaml anew if conf/ changed; keep what ``-S`` or a hand edit put there.

    how    reset: take conf/, whatever there is; adopt: stay with params.yaml, although conf/ changed

    The first line of the file remembers which conf/ it was composed from, so that an edit is told from what conf/ said
    then. Returns False where both changed, and params.yaml is as it was.
    """
    base = recorded_text()
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    composed_from = lines[0] if lines and lines[0].startswith(STAMP) else None
    body = "".join(line for line in lines if not line.startswith(STAMP))
    untouched = composed_from is not None and composed_from == _stamp(body)
    current = composed_from == _stamp(base) or "DVC_EXP_NAME" in os.environ
    if how == "reset" or not lines or (untouched and not current):
        body = base
    elif how == "keep" and not current:
        return False
    partial = path.with_suffix(".partial")
    partial.write_text(_stamp(base) + body)
    os.replace(partial, path)
    return True


def differences(path: Path = PARAMS) -> dict[str, Any]:
    """The values of a params.yaml that are not what conf/ says, by key; None for a key that it does not have."""
    theirs, ours = dict(flat(read_yaml(path))), dict(flat(yaml.safe_load(recorded_text())))
    return {key: theirs.get(key) for key in sorted(theirs | ours) if theirs.get(key) != ours.get(key)}


def _stamp(text: str) -> str:
    return f"{STAMP}{hashlib.md5(text.encode()).hexdigest()}\n"
