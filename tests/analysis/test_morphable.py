"""The morphable model: published keys, orientations and index bases, of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch

from ffhq_uv.analysis.morphable import MorphableModel

# a tetrahedron: 4 vertices, 4 triangles, 2 identity and 1 expression coefficients
POINTS = np.array([[0, 0, 3.0], [2, 0, 0], [0, 2, 0], [2, 2, 1]])
TRIANGLES = np.array([[1, 2, 3], [1, 4, 2], [1, 3, 4], [2, 4, 3]], np.int32)


def model(**changes: object) -> dict[str, object]:
    random = np.random.default_rng(0)
    around = [np.flatnonzero((vertex == TRIANGLES).any(1)) + 1 for vertex in range(1, 5)]
    return {
        "meanshape": POINTS.reshape(1, -1),
        "idBase": random.normal(size=(12, 2)),
        "exBase": random.normal(size=(12, 1)),
        "head_tri": TRIANGLES,
        "point_buf": np.array([[*faces, *[5] * (8 - len(faces))] for faces in around], np.uint8),
        "keypoints": np.resize([1, 2, 3, 4], (1, 68)),
    } | changes


def save(folder: Path, **changes: object) -> Path:
    path = folder / "hifi3dpp_model_info.mat"
    scipy.io.savemat(path, {key: value for key, value in model(**changes).items() if value is not None})
    return path


def test_indices_count_from_zero_and_missing_faces_point_past_the_last(tmp_path: Path) -> None:
    loaded = MorphableModel.load(save(tmp_path))
    assert loaded.triangles.tolist() == (TRIANGLES - 1).tolist()
    assert loaded.vertex_faces.tolist()[0] == [0, 1, 2, 4, 4, 4, 4, 4]
    assert loaded.keypoints.tolist()[:5] == [0, 1, 2, 3, 0]
    assert loaded.vertex_faces.dtype == loaded.triangles.dtype == torch.int64


def test_the_shape_is_the_recentred_mean_plus_both_bases(tmp_path: Path) -> None:
    arrays = model()
    loaded = MorphableModel.load(save(tmp_path))
    identity, expression = torch.tensor([[0.5, -2.0], [0, 0]]), torch.tensor([[3.0], [0]])
    shape = loaded.shape(identity, expression)
    offset = np.asarray(arrays["idBase"]) @ [0.5, -2] + np.asarray(arrays["exBase"]) @ [3]
    recentred = POINTS - POINTS.mean(0)
    np.testing.assert_allclose(shape[0], recentred + offset.reshape(4, 3), atol=1e-6)
    np.testing.assert_allclose(shape[1], recentred, atol=1e-6)
    assert shape.dtype == torch.float32


@pytest.mark.parametrize("key", ["idBase", "exBase", "keypoints", "meanshape"])
def test_undocumented_orientations_make_no_difference(tmp_path: Path, key: str) -> None:
    expected = MorphableModel.load(save(tmp_path))
    loaded = MorphableModel.load(save(tmp_path, **{key: np.asarray(model()[key]).T}))
    for field in ("mean", "identity", "expression", "keypoints"):
        assert torch.equal(getattr(loaded, field), getattr(expected, field))


def test_narrow_and_zero_padded_point_buffers(tmp_path: Path) -> None:
    expected = MorphableModel.load(save(tmp_path)).vertex_faces
    narrow = np.asarray(model()["point_buf"])[:, :3]
    assert torch.equal(MorphableModel.load(save(tmp_path, point_buf=narrow)).vertex_faces, expected)
    zeros = np.pad(narrow, ((0, 0), (0, 5)))
    assert torch.equal(MorphableModel.load(save(tmp_path, point_buf=zeros)).vertex_faces, expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exBase": None, "keypoints": None}, "lacks exBase, keypoints"),
        ({"meanshape": np.zeros((1, 11))}, "meanshape has 11 values"),
        ({"meanshape": np.full((1, 12), np.nan)}, "meanshape is float64, expected finite"),
        ({"idBase": np.zeros((9, 2))}, r"idBase has shape \(9, 2\), expected \(12, coefficients\)"),
        ({"head_tri": TRIANGLES - 1}, "head_tri is not an index from 1 to 4"),
        ({"keypoints": np.full((1, 68), 5)}, "keypoints is not an index from 1 to 4"),
        ({"head_tri": "text"}, ".*no numeric array 'head_tri'"),
        ({"point_buf": np.full((4, 8), 6)}, "point_buf is not an index from 1 to 4"),
        ({"point_buf": np.ones((4, 9))}, r"point_buf has shape \(4, 9\)"),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=rf"hifi3dpp_model_info\.mat: {message}"):
        MorphableModel.load(save(tmp_path, **changes))


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    path = save(tmp_path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ValueError, match=r"hifi3dpp_model_info\.mat: not a readable MATLAB file"):
        MorphableModel.load(path)
    with pytest.raises(FileNotFoundError, match="topo_assets"):
        MorphableModel.load(tmp_path / "none.mat")
