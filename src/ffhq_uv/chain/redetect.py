"""What new faces look like, told again of the faces themselves; else it is the mean of what was told of their parents.

``attributes.by`` says who tells: networks that look at the front picture (`describers`), or the studio, which reads its
own codes, as ``analysis=studio`` does for geometry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.chain.build import check_studio
from ffhq_uv.chain.describers import build_describer
from ffhq_uv.chain.measurements import DETECTED, Sample
from ffhq_uv.config import Config, ConfigError
from ffhq_uv.formats import packaged
from ffhq_uv.geometry import FRONT
from ffhq_uv.once import once_a_run
from ffhq_uv.shards.phases import phase
from ffhq_uv.studio.person import person

Redetect = Callable[[NDArray[np.uint8], NDArray[np.float32], str], dict[str, float | None]]
"""What is told (`DETECTED`) of faces uint8 [3, H, W, 3], drawn of codes float32 [3, 18, 512], of a sample."""


def build_redetector(config: Config) -> Redetect | None:
    """Who tells, loaded once a process; None: nobody is asked.

    Raises FileNotFoundError or RuntimeError, saying what to install; ConfigError for the studio beside other faces.
    """
    if not config.attributes.redetect:
        return None
    if config.attributes.by == "studio":
        if config.generator.name != "studio":
            raise ConfigError("attributes.by=studio reads the studio's own codes; choose attributes.by=networks")
        check_studio(config.generator)
        return _of_the_code
    return _networks(config.checkpoints.resolve())


def redetected(config: Config, samples: Sequence[Sample], codes: NDArray[np.float32]) -> list[dict[str, Any]]:
    """Rows of the measurements, with what is told again of the faces where that is asked for.

    codes    float32 [n, 3, 18, 512] of the samples
    """
    if (redetect := build_redetector(config)) is None:
        return [sample.row() for sample in samples]
    with phase("redetect"):
        return [
            sample.row() | ({} if sample.faces is None else redetect(sample.faces, code, sample.id))
            for sample, code in zip(samples, codes, strict=True)
        ]


@once_a_run
def _networks(checkpoints: Path) -> Redetect:
    find = DlibLandmarks(packaged.LANDMARKS_68.checked(), packaged.FACE_DETECTOR.checked())
    describe = build_describer("networks", checkpoints, None, "cpu")

    def told(faces: NDArray[np.uint8], codes: NDArray[np.float32], id: str) -> dict[str, float | None]:
        landmarks = find(faces[FRONT])
        if landmarks is None:
            return dict.fromkeys(DETECTED)
        seen = describe(faces[FRONT], landmarks, id).values()
        return {name: seen[name.removeprefix("detected_")] for name in DETECTED}

    return told


def _of_the_code(faces: NDArray[np.uint8], codes: NDArray[np.float32], id: str) -> dict[str, float | None]:
    one = person(codes[FRONT])
    return {
        "detected_gender": int(one.male >= 0.5),
        "detected_age": one.age,
        "detected_beard": one.beard,
        "detected_smile": one.smile,
    }
