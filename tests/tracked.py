"""The tracked files of this project in a folder of their own, where tests let DVC run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copy_tracked(folder: Path, *, without: tuple[str, ...] = ()) -> None:
    """Copy them, but for those whose paths begin with one of ``without``, with their dates and compiled kernels.

    Numba keeps a kernel beside its source, and takes it for as long as the source's date and size are the same.
    """
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    kernels = [str(path.relative_to(ROOT)) for path in (ROOT / "src").rglob("__pycache__/*.nb[ic]")]
    for name in [*listed.splitlines(), *kernels]:
        if (ROOT / name).is_file() and not name.startswith(without):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
