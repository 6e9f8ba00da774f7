"""What a stage's results depend on, in one word: the name of the work that may be gone on with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from importlib.metadata import requires, version
from pathlib import Path
from re import match
from typing import Any

from ffhq_uv.checkpoints import needs
from ffhq_uv.config import Config
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.repository import repository
from ffhq_uv.shards.code import code_of, found_below, stages
from ffhq_uv.store import files

NAMED = (files.CHAIN, files.CHECKPOINTS)
"""Lists of checksums, for DVC: what they list counts itself."""
NO_CONTENT = {"failures"}
"""Parameters that decide whether a stage ends well, and not what it makes: a higher limit needs nothing made again."""


def key_of(stage: str, config: Config) -> str:
    """Stands for all that the content of a stage's results depends on, as dvc.yaml lists it.

    That is the stage's parameters; the content of its files, and of the checkpoints that the configuration needs; its
    code; and the versions of the libraries. How many workers there are, and where, does not count.
    """
    definition = stages()[stage]
    data = [Path(path) for path in definition["deps"] if not path.startswith("src/") and Path(path) not in NAMED]
    made_by_chain = str(files.CHAIN) in definition["deps"]
    depends = {
        "parameters": {name: _parameter(config, name) for name in definition["params"] if name not in NO_CONTENT},
        "code": code_of(stage) | (code_of("chain") if made_by_chain else {}),
        "data": _data(data),
        "checkpoints": {str(path): sha256_of(path) for path in checkpoints(config)},
        "libraries": {name: version(name) for name in libraries()},
    }
    text = json.dumps(depends, sort_keys=True).replace(f"{repository()}/", "")  # the same in a copy that DVC made
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _parameter(config: Config, name: str) -> Any:
    value: Any = config.model_dump(mode="json", by_alias=True)
    for part in name.split("."):
        value = value[part]
    return value


def _data(paths: Sequence[Path]) -> dict[str, Any]:
    """Content by path. Of the archives, which may be hundreds of gigabytes, `pull` has listed it."""
    found: dict[str, Any] = {}
    for path in paths:
        if path == files.ARCHIVES:
            found |= {str(file): file.stat().st_size for file in found_below([path])}
            found |= {str(file): sha256_of(file) for file in found_below([files.TOPO_ASSETS, files.MANIFEST])}
        else:
            found |= {str(file): sha256_of(file) for file in found_below([path])}
    return found


def checkpoints(config: Config) -> list[Path]:
    """The files of the networks that a configuration uses, as far as they are there."""
    choices = needs.choices(config)
    published = (file for file in needs.published(config) if needs.chosen(file, choices))
    return sorted(path for path in (file.used(needs.folders(config)) for file in published) if path.is_file())


def libraries() -> list[str]:
    """The project's dependencies, without its extras."""
    names = (
        match(r"[\w.-]+", requirement) for requirement in requires("ffhq-uv") or () if "extra ==" not in requirement
    )
    return sorted(name[0] for name in names if name)
