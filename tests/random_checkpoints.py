"""Random checkpoints in the published formats, for a run of every stage where the real ones are not at hand:

    python tests/random_checkpoints.py checkpoints
    dvc exp run -S analysis=deep3d -S analysis.landmarks.fallback=mean -S identity=arcface -S light=dpr \\
        -S expression=recogniser -S expression.neutral_max=1

The networks fit the studio's head model (30 identity, 9 expression coefficients), and the landmark model is trained on
studio people; dlib's own detector misses some of their faces, hence the fallback, and a random recogniser finds nobody
neutral, hence the bound. What comes out is meaningless; that it comes out is the point.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from ffhq_uv.analysis.landmark_files import LANDMARKS
from ffhq_uv.analysis.landmarks import dlib
from ffhq_uv.studio.assets import write_assets
from published_networks import write_checkpoints
from studio_landmarks import people, train

IDENTITY, EXPRESSION = 30, 9
"""Coefficients of the studio's head model."""
KNOWN = range(24)
"""People whom the landmark model is trained on; enough for most of the others."""


def write(folder: Path, identity: int = IDENTITY, expression: int = EXPRESSION) -> None:
    """Write all six files below ``folder``, for a head model of these sizes."""
    write_checkpoints(folder, identity, expression)
    (folder / LANDMARKS).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        write_assets(Path(scratch))
        train(dlib(), people(Path(scratch), KNOWN, 192), folder / LANDMARKS)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("a folder to write to expected, such as checkpoints")
    write(Path(sys.argv[1]))
