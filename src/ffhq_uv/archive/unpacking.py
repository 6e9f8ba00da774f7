"""The two folders whose files are needed as files: ``topo_assets`` and ``checkpoints``, where they came as archives."""

from __future__ import annotations

import os
from pathlib import Path

from ffhq_uv.archive.containers import ArchiveError, locations, open_archive, split
from ffhq_uv.archive.limits import Limits
from ffhq_uv.archive.scanning import logical, standing
from ffhq_uv.formats.names import part_of
from ffhq_uv.formats.zips import ZipError

FOLDERS = ("topo_assets", "checkpoints")
LARGEST = 4 << 30
"""Bytes of the largest file that is unpacked; the published networks have up to 1.2 GB."""


def unpack_folders(root: Path, limits: Limits) -> None:
    """Put the files of archives that stand for these folders into the folders, and remove the archives.

    A file gets its name when it is whole. Raises ArchiveError for an archive that is damaged or hostile, OSError where
    writing fails.
    """
    for folder in FOLDERS:
        for start, _ in list(standing(root, folder)):
            if (root / start).is_dir():
                continue
            for location in locations(root, start, limits):
                target = root / logical(location)
                if target.exists():
                    continue  # given as it is, beside the archive
                archive, member = split(location)
                target.parent.mkdir(parents=True, exist_ok=True)
                partial = target.with_name(f".{target.name}.partial")
                with open_archive(root, archive, limits) as opened:
                    try:
                        partial.write_bytes(opened.read(member, LARGEST, limits.ratio))
                    except ZipError as error:
                        raise ArchiveError(f"{location}: {error}") from error
                os.replace(partial, target)
            for path in list(root.iterdir()):
                if start in (path.name, (part_of(path.name) or ("",))[0]):
                    path.unlink()
