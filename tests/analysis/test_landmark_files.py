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
    shares = np.zeros((68, 1))
    shares[36:48], shares[27:31], shares[48:] = 0.018, -0.03, 0.004
    np.testing.assert_allclose(moved, shares * up, atol=1e-12)


def test_the_correction_brings_dlibs_marks_of_the_published_person_to_the_recorded_ones(example: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("dlib")
    from ffhq_uv.analysis.alignment import align, crop_origin
    from ffhq_uv.analysis.landmarks import DlibLandmarks
    from ffhq_uv.analysis.recorded import RecordedAnalysis
    from ffhq_uv.formats.png import read_png
    from ffhq_uv.geometry import VIEWS

    if (path := packaged(LANDMARKS)) is None:
        pytest.skip(f"the package {PACKAGE} is not installed")
    find = DlibLandmarks(path)
    recorded = RecordedAnalysis(example, example / "stand_in_topo_assets").landmarks("01223", 1024)
    assert recorded is not None
    # those of the published file, which is not here: solved from the sample's landmarks and alignments
    points = np.array(
        [
            (-0.204, 0.501, 0.589),
            (0.214, 0.513, 0.584),
            (0.004, 0.063, 0.786),
            (-0.218, -0.458, 0.556),
            (0.208, -0.467, 0.55),
        ]
    )

    def top(landmarks: np.ndarray) -> int:
        """The row of the resized face at which the crop begins."""
        five = five_points(torch.from_numpy(landmarks)).numpy() * [1, -1] + [0, 1023]
        return crop_origin(align(five, points, 1024, 1024))[1]

    plain, corrected = [], []
    for view, truth in zip(VIEWS, recorded, strict=True):
        picture = example / f"dataset_project/edit/01223/01223_{view}.png"
        marks = find(read_png(picture.read_bytes(), picture.name))
        assert marks is not None
        plain.append(top(marks) - top(truth))
        corrected.append(top(as_upstream(marks)) - top(truth))
    assert np.mean(plain) > 6  # the crop begins too low
    assert np.mean(np.abs(corrected)) <= 2
