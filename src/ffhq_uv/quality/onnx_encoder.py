"""Any face recognition network in an ONNX file (InsightFace's, or an own one) as an identity encoder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ffhq_uv.quality.face_crop import SIDE, face_crop


class OnnxFaceEncoder:
    """Identity embeddings by a network with one input [N, 3, S, S] and one output [N, D], on the CPU.

    Names and sizes are read from the file. Pixels go in as RGB: as they are (0..255) if the network itself begins with
    a subtraction and a multiplication, else as (v - 127.5) / 127.5; so InsightFace tells the two kinds apart.
    Raises RuntimeError without onnxruntime or onnx, FileNotFoundError, or ValueError for a file of something else.
    """

    def __init__(self, path: Path) -> None:
        runtime, onnx = _modules()
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such ONNX model; correct the path, or choose another identity encoder")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.use_deterministic_compute = True
        options.log_severity_level = 4
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
            first = onnx.load(str(path), load_external_data=False).graph.node[:8]
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"{path}: no ONNX model that onnxruntime can read ({reason})") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape if len(inputs) == 1 else []
        if len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3] or len(outputs) != 1:
            found = [tensor.shape for tensor in inputs], [tensor.shape for tensor in outputs]
            raise ValueError(f"{path}: inputs and outputs {found}, expected one input [N, 3, S, S] and one output")
        self._side = shape[2] if isinstance(shape[2], int) else SIDE
        self._names = inputs[0].name, outputs[0].name
        kinds = {node.op_type for node in first}
        self._normalises = {"Sub", "Mul"} <= kinds

    def __call__(self, fronts: Tensor, landmarks: Tensor) -> Tensor:
        """Unit vectors float32 [B, D] of fronts uint8 RGB [B, H, W, 3] by landmarks [B, 5, 2], as for `ArcFace`."""
        faces = zip(fronts.cpu(), landmarks.cpu(), strict=True)
        return torch.cat([self._one(face, points) for face, points in faces])

    def _one(self, face: Tensor, points: Tensor) -> Tensor:
        crop = face_crop(face, points, self._side).permute(2, 0, 1)[None]
        pixels = crop if self._normalises else (crop - 127.5) / 127.5
        name, output = self._names
        (found,) = self._session.run([output], {name: np.ascontiguousarray(pixels.numpy())})
        return functional.normalize(torch.from_numpy(np.asarray(found, np.float32)).reshape(1, -1))


def _modules() -> tuple[Any, Any]:
    try:
        return import_module("onnxruntime"), import_module("onnx")
    except ImportError as error:
        raise RuntimeError(f"an ONNX encoder needs more packages ({error}): pip install -e '.[onnx]'") from None
