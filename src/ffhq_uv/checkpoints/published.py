"""The published files that a configuration can need: where they belong, who needs them, how they are opened.

They come with the FFHQ-UV archives: the folders ``checkpoints/`` and ``topo_assets/`` beside ``dataset/``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ffhq_uv.analysis import landmark_files
from ffhq_uv.formats.published import DEEP3D, DIRECTION, FLOW, MASKS, MODEL, MODEL_POINTS, PARSING

WHERE = "the FFHQ-UV archives (`python -m ffhq_uv pull source=ffhq_uv` fetches them), folder FFHQ-UV/"
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
    reader      who opens it, of `readers.READERS`
    packaged    where a package of an extra brings the same file, which serves if it is not in that folder
    """

    folder: str
    path: str
    needed_by: tuple[str, ...]
    reader: str
    packaged: Callable[[], Path | None] = lambda: None

    def at(self, folders: Mapping[str, Path]) -> Path:
        """Where the file is expected."""
        return folders[self.folder] / self.path

    def used(self, folders: Mapping[str, Path]) -> Path:
        """The file that is read: the expected one, or a package's where that is not there."""
        own = self.at(folders)
        return own if own.is_file() else self.packaged() or own

    def open(self, path: Path) -> object:
        """Read the file as the stages do. Raises an error in one line if it cannot be."""
        from ffhq_uv.checkpoints.readers import READERS  # here: it takes torch, which loads for seconds

        return READERS[self.reader](path)


_LANDMARKS = (
    "analysis=deep3d",
    # step 4 saved no landmarks of the reference people, by which these encoders align them
    "analysis=recorded with identity=arcface",
    f"analysis=recorded with {ONNX}",
)
_MODELS = ("analysis=deep3d", "analysis=recorded", "analysis=studio", "texture=published", "texture=faithful")
_TEXTURE = ("texture=published", "texture=faithful")

PUBLISHED = (
    Published(CHECKPOINTS, "stylegan_model/stylegan2-ffhq-config-f.pkl", ("generator=stylegan2",), "stylegan2"),
    Published(
        CHECKPOINTS,
        landmark_files.LANDMARKS,
        _LANDMARKS,
        "landmarks",
        partial(landmark_files.packaged, landmark_files.LANDMARKS),
    ),
    Published(CHECKPOINTS, DEEP3D, ("analysis=deep3d",), "deep3d"),
    Published(CHECKPOINTS, PARSING, ("analysis=deep3d",), "parsing"),
    Published(CHECKPOINTS, "exprecog_model/FacialExpRecognition_model.t7", ("expression=recogniser",), "recogniser"),
    Published(CHECKPOINTS, "arcface_model/ms1mv3_arcface_r50_fp16_backbone.pth", ("identity=arcface",), "arcface"),
    Published(CHECKPOINTS, FLOW, ("normalise=published",), "flow"),
    Published(CHECKPOINTS, DIRECTION, ("normalise=published",), "direction"),
    Published(CHECKPOINTS, "dpr_model/trained_model_03.t7", ("light=dpr",), "dpr"),
    Published(TOPO_ASSETS, MODEL, _MODELS, "model"),
    Published(TOPO_ASSETS, MODEL_POINTS, ("analysis=deep3d",), "model points"),
    Published(TOPO_ASSETS, "unwrap_1024_info.mat", (), "unwrap info"),  # without it the mesh is rasterised
    Published(TOPO_ASSETS, "template_base_uv.png", _TEXTURE, "picture"),
    *(Published(TOPO_ASSETS, f"{name}_mask.png", _TEXTURE, "picture") for name in MASKS),
)
"""Every published file that the project can use."""

NOT_USED = {
    "lm_model/68lm_detector.pb, mtcnn_model/mtcnn_model.pb": "TensorFlow 1 graphs; dlib's landmarks take their place",
    "resnet_model/resnet18-5c106cde.pth": "only a starting point for training; 79999_iter.pth holds its own",
    "e4e_model/e4e_ffhq_encode.pt": "inverts photographs, for the tool `invert`; its generator can be used, too",
    "styleflow_model/modelsmall10k.pt": "a smaller flow that the data set was not made with",
    "texgan_model/*, vgg_model/vgg16.pt": "fit textures to photographs",
}
"""Published checkpoints that the project does without, and why."""

PACKAGES = {
    **dict.fromkeys(_LANDMARKS, (("dlib",), "landmarks")),
    ONNX: (("onnxruntime", "onnx"), "onnx"),
    "identity=dlib": (("dlib", "face_recognition_models"), "landmarks"),
}
"""The packages that a choice needs, and the extra that installs them."""
