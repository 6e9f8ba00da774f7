"""The pipeline where only the package is installed: a wheel, unpacked in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from ffhq_uv.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in listed.splitlines():  # built from a copy: setuptools leaves files beside its sources
        target = folder / "source" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", "wheels", "./source"]
    subprocess.run([sys.executable, *build], cwd=folder, check=True, capture_output=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(folder / "site")
    return folder / "site"


def run(site: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PYTHONPATH": str(site), "PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_an_installed_package_lays_down_a_pipeline_that_runs(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "python", "-m", "ffhq_uv", "init", "x")
    assert (done.returncode, done.stderr) == (0, "")
    project = tmp_path / "x"
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(
        text.replace("people: 100", "people: 4").replace("reference: 100", "reference: 2")
    )
    done = run(installed, project, "dvc", "repro", "index", "checkpoints")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "data/index.parquet").exists()
    done = run(installed, project, "dvc", "repro", "index", "checkpoints")
    assert "up to date" in done.stdout
    where = run(installed, project, "python", "-c", "import ffhq_uv; print(ffhq_uv.__file__)").stdout
    assert Path(where.strip()).is_relative_to(installed)


def test_what_no_stage_makes_is_laid_down(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "x")]) == 0
    stages = yaml.safe_load((tmp_path / "x/dvc.yaml").read_text())["stages"].values()
    made = {name for stage in stages for out in stage["outs"] for name in ([out] if isinstance(out, str) else out)}
    needed = {path for stage in stages for path in stage["deps"] if not any(path.startswith(name) for name in made)}
    assert {"code.txt", "conf", "checkpoints"} <= needed
    assert [path for path in needed if not (tmp_path / "x" / path).exists()] == []


def test_no_stage_of_a_laid_down_pipeline_needs_the_sources(tmp_path: Path) -> None:
    assert main(["init", str(tmp_path / "x")]) == 0
    pipeline = yaml.safe_load((tmp_path / "x/dvc.yaml").read_text())
    for stage in pipeline["stages"].values():
        assert stage["deps"][0] == "code.txt"
        assert not any(path.startswith("src/") for path in stage["deps"])


def test_what_is_the_users_stays_when_it_is_renewed(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    assert main(["init", str(folder)]) == 0
    (folder / "params.yaml").write_text("mine")
    (folder / "code.txt").write_text("older")
    assert main(["init", str(folder)]) == 0
    assert (folder / "params.yaml").read_text() == "mine"
    assert (folder / "code.txt").read_text().startswith("ffhq-uv ")


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert main(["init", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
