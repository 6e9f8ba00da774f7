"""normalise: the samples of the data set, data/samples.parquet, and their codes of three views.

With ``normalise=off`` the published samples pass through: their codes stay where they are. Else they are made of
photographed people.
"""

from __future__ import annotations

import shutil

from ffhq_uv.config import Config
from ffhq_uv.store import files


def run(config: Config) -> None:
    """Make the samples, or pass them on."""
    section = config.normalise
    if section.name == "off":
        _pass_on()
    else:
        from ffhq_uv.stages import photographed  # here: it takes torch, which loads for seconds

        photographed.normalise(config, section)


def _pass_on() -> None:
    index = files.read_table(files.INDEX)
    with files.replacing_directory(files.NORMALISED) as out:
        (out / files.EMPTY).write_text(f"normalise=off: the codes are those of {files.SAMPLE_CODES}\n")
    with files.replacing(files.SAMPLES) as partly:
        shutil.copyfile(files.INDEX, partly)
    published = files.PUBLISHED_TRUTH
    nobody_knows = index.clear().select("id")
    files.write_table(files.TRUTH, files.read_table(published) if published.exists() else nobody_knows)
    files.write_report("normalise", {})
