"""An experiment runs the code and reads the files that it says, whatever the workspace does meanwhile.

In an environment as `make` leaves it: the package is installed editable, from the workspace.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml
from tests.tracked import copy_tracked

ROOT = Path(__file__).parents[1]
FEW = ("source.people=2", "source.reference=2", "source.map_size=64")
MARK = "    files.write_json(files.MANIFEST, stated)\n"


class Project:
    """The tracked files of this project in a repository and an environment of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        copy_tracked(folder, without=("tests/", "benchmarks/", "docs/"))
        self.environment = self._environment()
        for command in ("git init --quiet", "git config user.name test", "git config user.email test@example.org"):
            self.call(*command.split())
        self.commit("as it is")

    def _environment(self) -> dict[str, str]:
        venv.create(self.folder / ".venv")
        (packages,) = (self.folder / ".venv/lib").glob("python*/site-packages")
        installed = next(path for path in map(Path, sys.path) if path.name == "site-packages")
        (packages / "here.pth").write_text(f"{self.folder / 'src'}\n{installed}\n")
        (self.folder / ".venv/bin/dvc").write_text(
            f"#!{self.folder}/.venv/bin/python\nimport sys\nfrom dvc.cli import main\nsys.exit(main())\n"
        )
        (self.folder / ".venv/bin/dvc").chmod(0o755)
        own = {
            name: value for name, value in os.environ.items() if name != "PYTHONPATH" and not name.startswith("DVC_")
        }
        return own | {"PATH": f"{self.folder}/.venv/bin{os.pathsep}{os.environ['PATH']}"}

    def call(self, *command: str, fails: bool = False) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def commit(self, message: str) -> None:
        self.call("git", "add", "--all")
        self.call("git", "commit", "--quiet", "--message", message)

    def write_version(self, number: int) -> None:
        """Change the code: its manifest now says which code wrote it."""
        path = self.folder / "src/ffhq_uv/stages/pull.py"
        text = (ROOT / "src/ffhq_uv/stages/pull.py").read_text()
        assert text.count(MARK.strip()) == 1
        path.write_text(text.replace("files.MANIFEST, stated", f"files.MANIFEST, {{'code': {number}}} | stated"))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def settings(*overrides: str) -> list[str]:
    return [word for override in overrides for word in ("-S", override)]


@pytest.mark.slow
def test_a_queued_experiment_runs_the_code_that_it_was_queued_with(project: Project) -> None:
    project.write_version(5)
    project.call("dvc", "exp", "run", "--queue", "--name", "five", *settings(*FEW), "pull")
    project.write_version(55)
    project.call("dvc", "exp", "run", "--run-all")
    (experiment,) = project.call("git", "for-each-ref", "refs/exps/*/*/five", "--format=%(objectname)").split()
    lock = yaml.safe_load(project.call("git", "show", f"{experiment}:dvc.lock"))
    (manifest,) = (out for out in lock["stages"]["pull"]["outs"] if out["path"] == "data/manifest.json")
    cached = project.folder / ".dvc/cache/files/md5" / manifest["md5"][:2] / manifest["md5"][2:]
    assert json.loads(cached.read_text())["code"] == 5


@pytest.mark.slow
def test_an_experiment_in_a_copy_reads_the_users_files_where_they_are(project: Project) -> None:
    (project.folder / "published/topo_assets").mkdir(parents=True)
    (project.folder / "published/topo_assets/hair_mask.png").write_bytes(b"a mask")
    (project.folder / ".git/info/exclude").write_text("published/\n*.sha256\n")
    overrides = ("source=ffhq_uv", "source.url=published", "source.lock=ours.sha256")
    project.call("dvc", "exp", "run", "--temp", *settings(*overrides), "pull")
    assert "topo_assets/hair_mask.png" in (project.folder / "ours.sha256").read_text()
    assert (project.folder / ".dvc/tmp/downloads/topo_assets/hair_mask.png").read_bytes() == b"a mask"


@pytest.mark.slow
def test_a_run_of_other_code_than_the_folders_stops(tmp_path: Path) -> None:
    (tmp_path / "src/ffhq_uv").mkdir(parents=True)
    (tmp_path / "dvc.yaml").touch()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "ffhq_uv", "filter"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "PYTHONPATH=src python -m ffhq_uv filter runs this folder's" in done.stderr


@pytest.mark.slow
def test_dvc_watches_networks_and_ffhqs_pictures_wherever_they_lie(project: Project) -> None:
    (project.folder / "elsewhere/pictures").mkdir(parents=True)
    picture = project.folder / "elsewhere/pictures/00000.png"
    picture.write_bytes(b"a face")
    encoder = project.folder / "elsewhere/encoder.onnx"
    encoder.write_bytes(b"one")
    (project.folder / ".git/info/exclude").write_text("elsewhere/\n")
    overrides = (
        "identity=onnx",
        "identity.checkpoint=elsewhere/encoder.onnx",
        "source.reference_images=elsewhere/pictures",
    )
    project.call("dvc", "exp", "run", *settings(*FEW, *overrides), "checkpoints")
    first = json.loads((project.folder / "data/checkpoints.json").read_text())
    listed = f"00000.png {hashlib.sha256(b'a face').hexdigest()}\n".encode()
    assert first == {
        "identity=onnx: encoder.onnx": hashlib.sha256(b"one").hexdigest(),
        "source.reference_images": hashlib.sha256(listed).hexdigest(),
    }
    assert "up to date" in project.call("dvc", "repro", "checkpoints")
    for changed, name in ((encoder, "identity=onnx: encoder.onnx"), (picture, "source.reference_images")):
        changed.write_bytes(b"another")
        said = project.call("dvc", "repro", "checkpoints")
        assert "Running stage 'checkpoints'" in said
        assert json.loads((project.folder / "data/checkpoints.json").read_text())[name] != first[name]
