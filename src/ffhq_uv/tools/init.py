"""init: lay down the pipeline (dvc.yaml, conf/, params.yaml) in a folder, for those who installed the package.

In a folder that it laid down before it renews what follows from the code, and leaves conf/ and params.yaml alone.
"""

from __future__ import annotations

import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import Field

from ffhq_uv.command.words import Words as Declared
from ffhq_uv.config import ConfigError
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.repository import CODE as PACKAGE
from ffhq_uv.repository import PROJECT
from ffhq_uv.store import files

CODE_FILE = "code.txt"
"""In the folder: which code its results are of. In a clone of the repository the code itself takes its place."""
OWN = ("conf", "params.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore", "data/.gitignore",
       "reports/.gitignore", "checkpoints/README.md")  # fmt: skip
"""What is the user's from then on."""


class Words(Declared):
    """What the tool is told."""

    folder: Path = Field(description="a folder that is empty, or not there yet")
    in_order: ClassVar[tuple[str, ...]] = ("folder",)


def run(words: Words) -> None:
    """Lay the pipeline down and say how to go on."""
    folder = words.folder
    again = (folder / CODE_FILE).exists()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())) and not again:
        raise ConfigError(f"{folder}: is there, and not empty; name a folder that is empty, or not there yet")
    if not again:
        for name in OWN:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (PROJECT / name).is_dir() else shutil.copyfile)(PROJECT / name, target)
        _under_git(folder)
    with files.replacing(folder / "dvc.yaml") as partial:
        partial.write_text(yaml.safe_dump(pipeline(), sort_keys=False, width=120))
    with files.replacing(folder / CODE_FILE) as partial:
        partial.write_text(code())
    print(f"{folder}: {'renewed' if again else 'ready'}. Next: cd {folder} && dvc repro")


def pipeline() -> dict[str, Any]:
    """dvc.yaml, with `CODE_FILE` for the code that each stage lists."""
    found: dict[str, Any] = yaml.safe_load((PROJECT / "dvc.yaml").read_text())
    for stage in found["stages"].values():
        stage["deps"] = [CODE_FILE, *(path for path in stage["deps"] if not path.startswith("src/"))]
    return found


def code() -> str:
    """The package's version, and the checksum of every file of its code."""
    sources = sorted(path for pattern in ("*.py", "*.cpp", "*.h") for path in PACKAGE.rglob(pattern))
    lines = (f"{sha256_of(path)}  {path.relative_to(PACKAGE).as_posix()}" for path in sources)
    return "\n".join([f"ffhq-uv {version('ffhq-uv')}", *lines]) + "\n"


def _under_git(folder: Path) -> None:
    """Make it a Git repository, which DVC keeps experiments in; without Git, DVC does without."""
    try:
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        config = folder / ".dvc/config"
        config.write_text(config.read_text().replace("[core]\n", "[core]\n    no_scm = true\n"))
