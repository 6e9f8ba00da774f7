"""The folder that a run takes place in: whose code runs there, and where the user's own files are.

DVC runs a queued experiment, or one with ``--temp``, in a copy of the repository that holds what Git tracks and
nothing else. The code of the copy is what has to run there, since that is what the experiment is recorded with; the
archives and checkpoints of the user are not in the copy, but in the repository that it was made of.
"""

from __future__ import annotations

import os
from pathlib import Path

CODE = Path(__file__).resolve().parent
"""The package that runs."""
PROJECT = CODE / "project" if (CODE / "project").is_dir() else CODE.parents[1]
"""The files of the pipeline that came with it: in the installed package, or in the repository that it lies in."""


class OtherCodeError(RuntimeError):
    """The folder has code of its own, and other code runs."""


def project() -> Path:
    """The folder of dvc.yaml and conf/: the current one, or else the one that came with the code."""
    here = Path.cwd()
    return here if (here / "conf/config.yaml").is_file() else PROJECT


def check_code(command: str) -> None:
    """Raise OtherCodeError unless the code that runs is that of the current folder, where it has any.

    The processes that this one starts, wherever they run, then take the same code.
    """
    own = Path.cwd() / "src" / CODE.name
    if not Path("dvc.yaml").is_file() or not own.is_dir():
        return
    if not os.path.samefile(own, CODE):
        raise OtherCodeError(
            f"the code of this folder is in {own}, and what runs is {CODE}: results would be taken for those of other "
            f"code. PYTHONPATH=src python -m {CODE.name} {command} runs this folder's"
        )
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path not in ("", "src")]
    source = str(own.resolve().parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([source, *(path for path in others if path != source)])


def repository() -> Path:
    """The folder of the user's repository that the current one stands for: itself, unless DVC made it as a copy."""
    here = Path.cwd()
    if "DVC_ROOT" not in os.environ:
        return here
    top = next((folder for folder in (here, *here.parents) if (folder / ".dvc").is_dir()), here)
    return Path(os.environ["DVC_ROOT"]).resolve() / here.relative_to(top)
