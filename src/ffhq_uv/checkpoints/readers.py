"""How the published files are opened, by the names that `published` gives their readers.

Apart from the list of the files, since these imports take seconds, and most who ask for the list open nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ffhq_uv.analysis.alignment import load_model_points
from ffhq_uv.analysis.deep3d_network import load_deep3d
from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.parsing import FaceParser
from ffhq_uv.editing.expression import read_direction
from ffhq_uv.editing.flow_network import load_flow
from ffhq_uv.formats.png import read_png
from ffhq_uv.generator.stylegan2 import read_checkpoint
from ffhq_uv.quality.arcface import ArcFace
from ffhq_uv.quality.dpr_light import DprLight
from ffhq_uv.quality.onnx_encoder import OnnxFaceEncoder
from ffhq_uv.quality.recogniser import ExpressionRecogniser
from ffhq_uv.texture.topology import load_topology

READERS: dict[str, Callable[[Path], object]] = {
    "arcface": lambda path: ArcFace(path, device="cpu"),
    "deep3d": load_deep3d,
    "direction": read_direction,
    "dpr": lambda path: DprLight(path, device="cpu"),
    "flow": load_flow,
    "landmarks": DlibLandmarks,
    "model": MorphableModel.load,
    "model points": load_model_points,
    "onnx": OnnxFaceEncoder,
    "parsing": lambda path: FaceParser(path, device="cpu"),
    "picture": lambda path: read_png(path.read_bytes(), str(path)),
    "recogniser": lambda path: ExpressionRecogniser(path, device="cpu"),
    "stylegan2": read_checkpoint,
    "unwrap info": lambda path: load_topology(path.parent, 1024),
}
"""Each reads a file as the stages do, and raises an error in one line if it cannot."""
