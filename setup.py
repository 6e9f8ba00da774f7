"""Puts the files of the pipeline (conf/, dvc.yaml, ...) into the wheel, for the tool init."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FILES = ("conf", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore",
         "data/.gitignore", "reports/.gitignore", "checkpoints/README.md")  # fmt: skip


class WithProject(build_py):
    """Builds the package, and beside its code the folder project/."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for name in FILES:
            target = Path(self.build_lib, "ffhq_uv/project", name)
            target.parent.mkdir(parents=True, exist_ok=True)
            if Path(name).is_dir():
                shutil.copytree(name, target, dirs_exist_ok=True)
            else:
                shutil.copyfile(name, target)


setup(cmdclass={"build_py": WithProject})
