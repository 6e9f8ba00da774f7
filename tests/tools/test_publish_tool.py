"""A whole run published, with the heads that its analysis fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.small_run import SMALL, inside
from tests.texture.glb import read_glb

from ffhq_uv import FaceTextures
from ffhq_uv.__main__ import main
from ffhq_uv.texture.topology import load_mesh


def test_a_run_is_published_with_its_fitted_heads(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("pyarrow", reason="the extra publish is not installed")
    with inside(small_run):
        assert main(["publish", f"out={tmp_path}", "heads=true", *SMALL]) == 0
        mean = load_mesh(Path("data/archives/topo_assets")).vertices
    assert "24 samples in 1 shards" in capsys.readouterr().out
    faces = FaceTextures(tmp_path)
    heads = np.stack([faces[row]["head"] for row in range(len(faces))]).astype(np.float32)
    assert heads.shape == (24, *mean.shape)
    assert 0.005 < np.abs(heads - mean).max() < 0.5  # as far from the mean head as people are
    assert np.ptp(heads, axis=0).max() > 0.005  # and from each other
    found = FaceTextures(small_run / "data/ffhq-uv-interpolate")
    np.testing.assert_array_equal(faces[5]["image"].numpy(), found[5]["image"].numpy())
    assert faces[5]["category"] == found[5]["category"]


@pytest.mark.slow
def test_heads_are_published_as_meshes_with_their_maps(small_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra publish is not installed")
    with inside(small_run):
        assert main(["publish", f"out={tmp_path}", "heads=glb", "engine=serial", *SMALL]) == 0
        mean = load_mesh(Path("data/archives/topo_assets"))
    faces = FaceTextures(tmp_path)
    assert len(read_glb(faces[3]["mesh"]).triangles) == len(mean.triangles)
    assert len({faces[row]["mesh"] for row in range(5)}) == 5
    datasets = pytest.importorskip("datasets", reason="the extra dev is not installed")
    streamed = datasets.load_dataset(str(tmp_path), split="train", streaming=True)
    assert isinstance(streamed.features["mesh"], datasets.Mesh)
