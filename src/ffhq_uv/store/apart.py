"""That the user's files and the folders that are made anew lie apart: else the one would be lost to the other."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ffhq_uv.config import Config, ConfigError, PublishedSource
from ffhq_uv.repository import repository
from ffhq_uv.store import files

MADE = (files.ARCHIVES, files.LATENTS, files.INTERPOLATED)
"""The folders that stages make anew."""


def check_apart(config: Config) -> None:
    """Raise ConfigError where a configured place lies in a folder that stages make anew, or the other way round.

    Places are the same whatever they are called, through links and bind mounts too.
    """
    if not isinstance(config.source, PublishedSource):
        return
    named = ("url", "dataset", "dataset_project", "topo_assets", "checkpoints")
    sources = {f"source.{name}": path for name in named if (path := _local(getattr(config.source, name)))}
    kept = {"source.lock": config.source.lock, "pull.downloads": config.pull.downloads}
    for key, path in (sources | kept).items():
        for made in _made():
            if path is not None and (relation := _relation(path, made)):
                raise ConfigError(
                    f"{key}={path} is {relation} {made}, which is made anew: what is there would be lost. "
                    "Choose another place, or move your files"
                )
    if config.pull.mode == "copy":
        for key, path in sources.items():
            if path.is_dir() and (relation := _relation(path, config.pull.downloads)):
                raise ConfigError(
                    f"{key}={path} is {relation} pull.downloads={config.pull.downloads}, where fetched files are "
                    "written; choose another pull.downloads, or pull.mode=link"
                )


def check_files_apart(urls: Iterable[str]) -> None:
    """Raise ConfigError for a file of this machine that lies in a folder that stages make anew."""
    folders = {Path(os.path.realpath(path)).parent: path for path in filter(None, map(_local, urls))}
    for folder, path in folders.items():
        for made in _made():
            if _at_or_below(folder, made):
                raise ConfigError(f"{path} lies in {made}, which is made anew: it would be lost. Move it elsewhere")


def _local(place: str | None) -> Path | None:
    if place is None:
        return None
    from ffhq_uv.download import is_local  # here: it takes requests, which a run on the studio does without

    return Path(place.removeprefix("file://")) if is_local(place) else None


def _made() -> list[Path]:
    """Here, and in the repository that this folder may be a copy of."""
    return list(MADE) if repository() == Path.cwd() else [*MADE, *(repository() / folder for folder in MADE)]


def _relation(path: Path, other: Path) -> str | None:
    """How two paths overlap, in words; None: they do not."""
    if _at_or_below(path, other):
        return "the same as" if _at_or_below(other, path) else "below"
    return "above" if _at_or_below(other, path) else None


def _at_or_below(path: Path, folder: Path) -> bool:
    """Whether a path is a folder, or lies below it; either may not be there yet."""
    real, top = path.resolve(), folder.resolve()
    if top in (real, *real.parents):
        return True
    return top.exists() and any(step.exists() and os.path.samefile(step, top) for step in (real, *real.parents))
