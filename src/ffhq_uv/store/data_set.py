"""A data set in the published layout, put together from the files of finished shards."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ffhq_uv.archive.writing import sample_files, write_zip


def put_together(work: Path, ids: Sequence[str], out: Path) -> None:
    """Put samples' maps and codes, which lie below ``work``, into a data set: maps in folders of 1,000, codes in zips.

    Both are published layouts. 100,000 maps are what DVC can look through in seconds; with three files of codes for
    each, it could not. Maps stay in the work too, as hard links, and take no space twice.
    """
    for chunk, samples in pl.DataFrame({"id": list(ids)}, {"id": pl.String}).group_by(
        pl.col("id").str.head(3), maintain_order=True
    ):
        files_of = {id: sample_files(work, id) for id in samples["id"]}
        for id, (source, *_) in files_of.items():
            target = sample_files(out, id)[0]
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(source)
            except OSError:  # another disk, or one without hard links
                shutil.copyfile(source, target)
        codes = ((f"{id}/{path.name}", path.read_bytes()) for id, (_, *paths) in files_of.items() for path in paths)
        write_zip(out / "face-latents" / f"{chunk[0]}.zip", codes)
