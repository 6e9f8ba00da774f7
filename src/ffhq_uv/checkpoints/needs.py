"""What a configuration needs of the published files, and whether it is there, before a stage begins its work."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from ffhq_uv.checkpoints.published import CHECKPOINTS, ONNX, PACKAGES, PUBLISHED, WHERE, Published
from ffhq_uv.config import Config, Section
from ffhq_uv.store import files


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


def with_own_files(own: Mapping[str, Path]) -> tuple[Published, ...]:
    """`PUBLISHED`, with the files that a configuration names itself (choice to path) in place of the published ones."""
    absolute = {choice: str(path.resolve()) for choice, path in own.items()}
    moved = (
        replace(file, path=next((absolute[choice] for choice in file.needed_by if choice in own), file.path))
        for file in PUBLISHED
    )
    encoder = (Published(CHECKPOINTS, absolute[ONNX], (ONNX,), "onnx"),) if ONNX in own else ()
    return (*moved, *encoder)


def require(
    choices: Collection[str], folders: Mapping[str, Path], published: Collection[Published] = PUBLISHED
) -> None:
    """Raise FileNotFoundError naming every published file that the choices need and that is not there.

    choices    of the configuration, such as ``analysis=deep3d``
    folders    where ``checkpoints`` and ``topo_assets`` are

    Raises RuntimeError if the files are there and a package is not. Nothing is opened.
    """
    needed = [file for file in published if chosen(file, choices)]
    if missing := [file for file in needed if not file.used(folders).is_file()]:
        lines = (f"{file.at(folders)} (for {', '.join(chosen(file, choices))})" for file in missing)
        parts = " and ".join(sorted({f"{file.folder}/" for file in missing}))
        raise FileNotFoundError(f"not there: {'; '.join(lines)}. Published in {WHERE}, {parts}")
    for choice, (packages, extra) in PACKAGES.items():
        if made(choice, choices) and (absent := [name for name in packages if find_spec(name) is None]):
            raise RuntimeError(f"{choice} needs the package {', '.join(absent)}: pip install -e '.[{extra}]'")


def chosen(file: Published, choices: Collection[str]) -> tuple[str, ...]:
    """For which of a configuration's choices it needs a file; none: it does not."""
    return tuple(choice for choice in file.needed_by if made(choice, choices))


def made(choice: str, choices: Collection[str]) -> bool:
    """Whether a configuration makes a choice, such as ``analysis=deep3d``, or all of several, joined by `` with ``."""
    return all(part in choices for part in choice.split(" with "))
