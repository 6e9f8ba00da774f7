"""YAML, read so that a small file stays small: nothing in it repeats what it names any number of times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

MOST = 4 << 20
"""Largest file, bytes; dvc.lock lists every file of a run's results by its folder."""


class YamlTextError(ValueError):
    """A file that is no YAML, or more than plain values; the message is one line and names it."""


def read_yaml(path: Path) -> Any:
    """The values of a YAML file. Raises YamlTextError as `check_yaml`."""
    check_yaml(path)
    try:
        return yaml.load(path.read_text(), _LOADER)
    except yaml.YAMLError as error:  # a tag that would build an object
        raise _no_yaml(path, error) from None


def check_yaml(path: Path) -> None:
    """Raise YamlTextError for a file that is too large, no YAML, nested too deeply, or that has aliases (``*name``)."""
    if (size := path.stat().st_size) > MOST:
        raise YamlTextError(f"{path}: has {size:,} bytes, and {MOST:,} are the most that are read")
    depth = 0
    try:
        for event in yaml.parse(path.read_text(), _LOADER):
            if isinstance(event, yaml.AliasEvent):
                raise YamlTextError(
                    f"{path}, line {event.start_mark.line + 1}: refuses YAML aliases (*name), which repeat what they "
                    "name any number of times"
                )
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > 50:
                raise YamlTextError(f"{path}, line {event.start_mark.line + 1}: is nested more than 50 times")
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise _no_yaml(path, error) from None


def _no_yaml(path: Path, error: Exception) -> YamlTextError:
    return YamlTextError(f"{path}: no YAML: {' '.join(str(error).split())[:300]}")


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
