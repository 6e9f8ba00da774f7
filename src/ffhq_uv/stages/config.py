"""config: compose conf/ into params.yaml, so that ``dvc repro`` sees a change of conf/; check what it says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ffhq_uv.checkpoints.watched import link_own
from ffhq_uv.config import PARAMS, Config, ConfigError, differences, read, refresh
from ffhq_uv.config.contradictions import absent_devices
from ffhq_uv.store import files
from ffhq_uv.store.apart import check_apart

VALID = Path(".dvc/tmp/params.yaml")
"""The last params.yaml that was valid: what a failed override is undone from."""
SHOWN = 6
"""Keys that are listed, of those that differ."""


def run(config: Config) -> None:
    """Refresh params.yaml, and check every value in it, and the devices, before any stage spends time.

    What was edited by hand is kept, and said. A params.yaml that is wrong, as a failed ``dvc exp run -S`` leaves it, is
    put back to the last that was right.
    """
    before = differences(VALID) if VALID.exists() else {}
    taken = refresh()
    try:
        given = read(params=PARAMS)
        check_apart(given)
        link_own(given)
    except ConfigError as error:
        _put_back()
        raise ConfigError(f"{error}. params.yaml is as it was before") from None
    if absent := list(absent_devices(given)):
        raise ConfigError("; ".join(absent))
    kept = differences(PARAMS)
    if kept:
        print(f"params.yaml is not what conf/ says, and is kept: {_listed(kept)}")
    if not taken:
        print(
            "conf/ has changed since params.yaml was edited. `python -m ffhq_uv config --reset` takes conf/, "
            "`python -m ffhq_uv config --adopt` stays with params.yaml"
        )
    if "DVC_EXP_NAME" in os.environ and (undone := {key: value for key, value in before.items() if key not in kept}):
        print(f"`dvc exp run` composes conf/ anew: gone are {_listed(undone)}; -S, or `dvc repro`, keeps them")
    VALID.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(VALID) as partial:
        partial.write_text(PARAMS.read_text())


def _put_back() -> None:
    if VALID.exists():
        with files.replacing(PARAMS) as partial:
            partial.write_text(VALID.read_text())
    else:
        refresh("reset")


def _listed(values: Mapping[str, Any]) -> str:
    more = f" and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
    return ", ".join(f"{key}={value}" for key, value in list(values.items())[:SHOWN]) + more
