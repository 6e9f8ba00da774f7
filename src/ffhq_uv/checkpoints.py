"""The published files that the configuration can need: where they belong, who needs them, whether they open.

They come with the FFHQ-UV archives: the folders ``checkpoints/`` and ``topo_assets/`` beside ``dataset/``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from ffhq_uv.analysis import deep3d
from ffhq_uv.analysis.alignment import load_model_points
from ffhq_uv.analysis.deep3d_network import load_deep3d
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.parsing import FaceParser
from ffhq_uv.checksum import sha256_of
from ffhq_uv.generator.stylegan2 import read_checkpoint
from ffhq_uv.png import read_png
from ffhq_uv.quality.arcface import ArcFace
from ffhq_uv.quality.dpr_light import DprLight
from ffhq_uv.quality.onnx_encoder import OnnxFaceEncoder
from ffhq_uv.quality.recogniser import ExpressionRecogniser
from ffhq_uv.texture.topology import MASKS, load_topology

WHERE = "the FFHQ-UV archives (Baidu Netdisk, link in the README of github.com/csbhr/FFHQ-UV), folder FFHQ-UV/"
ONNX = "identity=onnx"
"""The one choice whose file is not published by FFHQ-UV."""
CHECKPOINTS, TOPO_ASSETS = "checkpoints", "topo_assets"


@dataclass(frozen=True)
class Published:
    """A published file.

    folder      ``checkpoints`` or ``topo_assets``
    path        where it lies in that folder, or an absolute path
    needed_by   choices of the configuration, such as ``analysis=deep3d``, or several that need it only together:
                ``analysis=recorded with identity=arcface``; the stages measure and extract make them
    open        reads the file as the stages do; raises an error in one line if it cannot
    """

    folder: str
    path: str
    needed_by: tuple[str, ...]
    open: Callable[[Path], object]

    def at(self, folders: Mapping[str, Path]) -> Path:
        """Where the file is expected."""
        return folders[self.folder] / self.path


def _picture(path: Path) -> object:
    return read_png(path.read_bytes(), str(path))


def _unwrap_info(path: Path) -> object:
    return load_topology(path.parent, 1024)


_LANDMARKS = (
    "analysis=deep3d",
    # step 4 saved no landmarks of the reference people, by which these encoders align them
    "analysis=recorded with identity=arcface",
    f"analysis=recorded with {ONNX}",
)
_MODELS = ("analysis=deep3d", "analysis=recorded", "analysis=studio", "texture=published", "texture=faithful")
_TEXTURE = ("texture=published", "texture=faithful")

PUBLISHED = (
    Published(CHECKPOINTS, "stylegan_model/stylegan2-ffhq-config-f.pkl", ("generator=stylegan2",), read_checkpoint),
    Published(CHECKPOINTS, deep3d.LANDMARKS, _LANDMARKS, DlibLandmarks),
    Published(CHECKPOINTS, deep3d.DEEP3D, ("analysis=deep3d",), load_deep3d),
    Published(CHECKPOINTS, deep3d.PARSING, ("analysis=deep3d",), partial(FaceParser, device="cpu")),
    Published(
        CHECKPOINTS,
        "exprecog_model/FacialExpRecognition_model.t7",
        ("expression=recogniser",),
        partial(ExpressionRecogniser, device="cpu"),
    ),
    Published(
        CHECKPOINTS,
        "arcface_model/ms1mv3_arcface_r50_fp16_backbone.pth",
        ("identity=arcface",),
        partial(ArcFace, device="cpu"),
    ),
    Published(CHECKPOINTS, "dpr_model/trained_model_03.t7", ("light=dpr",), partial(DprLight, device="cpu")),
    Published(TOPO_ASSETS, deep3d.MODEL, _MODELS, MorphableModel.load),
    Published(TOPO_ASSETS, deep3d.MODEL_POINTS, ("analysis=deep3d",), load_model_points),
    Published(TOPO_ASSETS, "unwrap_1024_info.mat", (), _unwrap_info),  # without it the mesh is rasterised
    Published(TOPO_ASSETS, "template_base_uv.png", _TEXTURE, _picture),
    *(Published(TOPO_ASSETS, f"{name}_mask.png", _TEXTURE, _picture) for name in MASKS),
)
"""Every published file that the project can use."""

NOT_USED = {
    "lm_model/68lm_detector.pb, mtcnn_model/mtcnn_model.pb": "TensorFlow 1 graphs; dlib's landmarks take their place",
    "resnet_model/resnet18-5c106cde.pth": "only a starting point for training; 79999_iter.pth holds its own",
    "e4e_model/e4e_ffhq_encode.pt": "inverts photographs, whose codes are published; its generator can be used, too",
    "styleflow_model/*": "edits codes, and the edited ones are published",
    "texgan_model/*, vgg_model/vgg16.pt": "fit textures to photographs",
}
"""Published checkpoints that the project does without, and why."""

PACKAGES = {
    **dict.fromkeys(_LANDMARKS, (("dlib",), "landmarks")),
    ONNX: (("onnxruntime", "onnx"), "onnx"),
}
"""The packages that a choice needs, and the extra that installs them."""


def with_own_files(own: Mapping[str, Path]) -> tuple[Published, ...]:
    """`PUBLISHED`, with the files that a configuration names itself (choice to path) in place of the published ones."""
    absolute = {choice: str(path.resolve()) for choice, path in own.items()}
    moved = (
        replace(file, path=next((absolute[choice] for choice in file.needed_by if choice in own), file.path))
        for file in PUBLISHED
    )
    encoder = (Published(CHECKPOINTS, absolute[ONNX], (ONNX,), OnnxFaceEncoder),) if ONNX in own else ()
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
    if missing := [file for file in needed if not file.at(folders).is_file()]:
        lines = (f"{file.at(folders)} (for {', '.join(chosen(file, choices))})" for file in missing)
        parts = " and ".join(sorted({f"{file.folder}/" for file in missing}))
        raise FileNotFoundError(f"not there: {'; '.join(lines)}. Published in {WHERE}, {parts}")
    for choice, (packages, extra) in PACKAGES.items():
        if made(choice, choices) and (absent := [name for name in packages if find_spec(name) is None]):
            raise RuntimeError(f"{choice} needs the package {', '.join(absent)}: pip install -e '.[{extra}]'")


@dataclass(frozen=True)
class Condition:
    """What became of a published file here.

    file      the published file
    needed    the choices of this configuration that need it
    size      bytes, or None if it is not there
    sha256    of its content, or None
    problem   why it does not open, or None
    """

    file: Published
    needed: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    problem: str | None = None


def examine(file: Published, choices: Collection[str], folders: Mapping[str, Path]) -> Condition:
    """Look for a published file, take its checksum and open it."""
    path, needed = file.at(folders), chosen(file, choices)
    if not path.is_file():
        return Condition(file, needed)
    problem = None
    try:
        file.open(path)
    except (ValueError, OSError, RuntimeError) as error:
        problem = " ".join(str(error).split())
    return Condition(file, needed, path.stat().st_size, sha256_of(path), problem)


def chosen(file: Published, choices: Collection[str]) -> tuple[str, ...]:
    """For which of a configuration's choices it needs a file; none: it does not."""
    return tuple(choice for choice in file.needed_by if made(choice, choices))


def made(choice: str, choices: Collection[str]) -> bool:
    """Whether a configuration makes a choice, such as ``analysis=deep3d``, or all of several, joined by `` with ``."""
    return all(part in choices for part in choice.split(" with "))
