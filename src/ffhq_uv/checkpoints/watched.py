"""The networks' files, and FFHQ's own pictures, under DVC's eyes, wherever they lie.

DVC watches the folders ``checkpoints`` and ``data/archives``. What a configuration takes from elsewhere is linked in
``checkpoints/own``, file by file: DVC follows links of files, and sees it when what is behind one changes.
"""

from __future__ import annotations

import os
from pathlib import Path

from ffhq_uv.checkpoints import needs
from ffhq_uv.checkpoints.published import CHECKPOINTS
from ffhq_uv.config import Config
from ffhq_uv.formats.checksum import files_below
from ffhq_uv.store import files

FOLDER = Path("checkpoints")
"""The folder that dvc.yaml names."""
OWN = FOLDER / "own"


def watched(config: Config) -> dict[str, Path]:
    """The networks' files, and the folder of pictures, that a configuration reads and that are there.

    By names that are the same on any machine.
    """
    choices, folders = needs.choices(config), needs.folders(config)
    published = (file for file in needs.published(config) if needs.chosen(file, choices))
    found = {}
    for file in published:
        own = os.path.isabs(file.path)
        if (own or file.folder == CHECKPOINTS) and (path := file.at(folders)).is_file():
            found[f"{', '.join(needs.chosen(file, choices))}: {path.name}" if own else file.path] = path
    pictures = config.source.reference_images
    if pictures is not None and pictures.is_dir():
        found["source.reference_images"] = pictures
    return dict(sorted(found.items()))


def link_own(config: Config) -> None:
    """Link what DVC does not watch where it lies; links of other configurations go."""
    seen = [folder.resolve() for folder in (FOLDER, files.ARCHIVES)]
    read = [path for found in watched(config).values() for path in (files_below(found) if found.is_dir() else [found])]
    elsewhere = [path.absolute() for path in read if not _within(path.absolute(), seen)]
    wanted = {OWN / f"{number}-{path.name}": path for number, path in enumerate(elsewhere)}
    if OWN.is_dir():
        for link in OWN.iterdir():
            if link.is_symlink() and wanted.get(link) != link.readlink():
                link.unlink()
    for link, path in wanted.items():
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path)


def _within(path: Path, folders: list[Path]) -> bool:
    return any(folder in (path, *path.parents) for folder in folders)
