"""Any ONNX face network: names, sizes and normalisation are read from the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from ffhq_uv.quality.face_crop import TEMPLATE, face_crop

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from ffhq_uv.quality.onnx_encoder import OnnxFaceEncoder  # noqa: E402

WEIGHT = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)


def save(
    path: Path, side: int | str = 112, batch: int | str = "None", normalises: bool = False, inputs: int = 1
) -> Path:
    """A network that embeds a face as four mixtures of its mean colour."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["scaled" if normalises else "face"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["colour"]),
        helper.make_node("MatMul", ["colour", "weight"], ["who"]),
    ]
    constants = [numpy_helper.from_array(WEIGHT, "weight")]
    if normalises:
        nodes = [
            helper.make_node("Sub", ["face", "middle"], ["centred"]),
            helper.make_node("Mul", ["centred", "factor"], ["scaled"]),
            *nodes,
        ]
        constants += [numpy_helper.from_array(np.float32(v), n) for n, v in (("middle", 127.5), ("factor", 1 / 127.5))]
    faces = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, 3, side, side])
        for name in ("face", "another")[:inputs]
    ]
    output = helper.make_tensor_value_info("who", TensorProto.FLOAT, [batch, 4])
    graph = helper.make_graph(nodes, "encoder", faces, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=7)
    path.write_bytes(model.SerializeToString())
    return path


def fronts() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randint(0, 256, (2, 130, 130, 3), dtype=torch.uint8, generator=generator),
        torch.tensor(TEMPLATE).expand(2, 5, 2) + 5,
    )


@pytest.mark.parametrize("normalises", [False, True])
@pytest.mark.parametrize(("side", "batch"), [(112, "None"), (112, 1), ("H", "N"), (96, 1)])
def test_pixels_reach_the_network_normalised_once(
    tmp_path: Path, normalises: bool, side: int | str, batch: object
) -> None:
    faces, landmarks = fronts()
    encode = OnnxFaceEncoder(save(tmp_path / "w600k_r50.onnx", side, batch, normalises))  # type: ignore[arg-type]
    pixels = 96 if side == 96 else 112
    means = torch.stack(
        [face_crop(face, points, pixels).mean((0, 1)) for face, points in zip(faces, landmarks, strict=True)]
    )
    expected = functional.normalize((means - 127.5) / 127.5 @ torch.from_numpy(WEIGHT))
    torch.testing.assert_close(encode(faces, landmarks), expected, atol=1e-4, rtol=1e-3)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"nonsense" * 10)
    with pytest.raises(ValueError, match=r"model\.onnx: no ONNX model that onnxruntime can read"):
        OnnxFaceEncoder(path)
    with pytest.raises(ValueError, match=r"model\.onnx: inputs and outputs .*expected one input \[N, 3, S, S\]"):
        OnnxFaceEncoder(save(path, inputs=2))
    with pytest.raises(FileNotFoundError, match="no such ONNX model"):
        OnnxFaceEncoder(tmp_path / "none.onnx")
