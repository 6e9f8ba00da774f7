"""Which of dlib's files is opened, and which is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ffhq_uv.analysis import landmark_files
from ffhq_uv.analysis.alignment import five_points
from ffhq_uv.analysis.landmark_correction import as_upstream
from ffhq_uv.analysis.landmark_files import DETECTOR, KNOWN, LANDMARKS, PACKAGE, check, located, packaged
from ffhq_uv.formats.checksum import sha256_of


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of models of a package that holds other files by the known names, and cannot be imported."""
    models = tmp_path / "site" / "some_models" / "models"
    models.mkdir(parents=True)
    (models.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    for path in KNOWN:
        (models / Path(path).name).write_bytes(b"not dlib's")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(landmark_files, "PACKAGE", "some_models")
    return models


def test_the_own_file_goes_first_and_the_packages_second(package: Path, tmp_path: Path) -> None:
    own = tmp_path / "checkpoints"
    inside = package / Path(LANDMARKS).name
    assert located(own, LANDMARKS) == inside
    (own / LANDMARKS).parent.mkdir(parents=True)
    (own / LANDMARKS).write_bytes(b"mine")
    assert located(own, LANDMARKS) == own / LANDMARKS
    check(own / LANDMARKS)
    inside.unlink()
    (own / LANDMARKS).unlink()
    assert located(own, LANDMARKS) == own / LANDMARKS


@pytest.mark.parametrize("path", [LANDMARKS, DETECTOR])
def test_another_file_of_the_package_is_refused(package: Path, path: str) -> None:
    with pytest.raises(ValueError, match=rf"{Path(path).name}: SHA-256 .*, expected {KNOWN[path]}"):
        check(located(package / "nothing", path))


def test_without_the_package_nothing_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_files, "PACKAGE", "no_such_package_of_models")
    assert packaged(LANDMARKS) is None


@pytest.mark.parametrize("path", [LANDMARKS, DETECTOR])
def test_the_real_package_holds_the_known_files(path: str) -> None:
    found = packaged(path)
    if found is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    assert sha256_of(found) == KNOWN[path]
    check(found)


def test_landmarks_move_along_the_face_by_shares_of_its_height() -> None:
    rng = np.random.default_rng(0)
    landmarks = rng.uniform(0, 100, (68, 2))
    eyes, mouth = landmarks[36:48].mean(0), landmarks[[48, 54]].mean(0)
    moved = (as_upstream(landmarks) - landmarks) / np.linalg.norm(eyes - mouth)
    up = (eyes - mouth) / np.linalg.norm(eyes - mouth)
    shares = (
        dict.fromkeys(range(36, 48), 0.018) | dict.fromkeys(range(27, 31), -0.03) | dict.fromkeys(range(48, 68), 0.004)
    )
    np.testing.assert_allclose(moved, [shares.get(at, 0) * up for at in range(68)], atol=1e-12)


def test_the_correction_brings_dlibs_marks_of_the_published_person_to_the_recorded_ones(example: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("dlib")
    from ffhq_uv.analysis.alignment import align
    from ffhq_uv.analysis.landmarks import DlibLandmarks
    from ffhq_uv.analysis.morphable import MorphableModel
    from ffhq_uv.analysis.recorded import RecordedAnalysis
    from ffhq_uv.formats.png import read_png
    from ffhq_uv.geometry import VIEWS

    if (path := packaged(LANDMARKS)) is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    find = DlibLandmarks(path)
    assets = example / "stand_in_topo_assets"
    recorded = RecordedAnalysis(example, assets).landmarks("01223", 1024)
    assert recorded is not None
    model = MorphableModel.load(assets / "hifi3dpp_model_info.mat")
    points = five_points(model.mean[model.keypoints]).double().numpy()

    def height(landmarks: np.ndarray) -> float:
        """The crop's ty, crop pixels."""
        five = five_points(torch.from_numpy(landmarks)).numpy() * [1, -1] + [0, 1023]
        found = align(five, points, 1024, 1024)
        return found.ty * found.scale

    plain, corrected = [], []
    for view, truth in zip(VIEWS, recorded, strict=True):
        picture = example / f"dataset_project/edit/01223/01223_{view}.png"
        marks = find(read_png(picture.read_bytes(), picture.name))
        assert marks is not None
        plain.append(height(marks) - height(truth))
        corrected.append(height(as_upstream(marks)) - height(truth))
    assert np.mean(np.abs(plain)) > 9  # the whole face is too low
    assert np.mean(np.abs(corrected)) < 4
