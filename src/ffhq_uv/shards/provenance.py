"""What results depend on beside a job, as a process has it: its code, its libraries, its checkpoints."""

from __future__ import annotations

import hashlib
import platform
from functools import partial
from importlib.metadata import PackageNotFoundError, version

from ffhq_uv.config import Config
from ffhq_uv.engine.worker import Run, begin
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.repository import CODE
from ffhq_uv.shards.code import found_below
from ffhq_uv.shards.key import checkpoints, libraries


def begin_run(config: Config | None = None) -> Run:
    """A run that begins here, with the checkpoints of a configuration: a worker that differs refuses its jobs."""
    return begin(partial(provenance, config, tuple(libraries())))


def provenance(config: Config | None, names: tuple[str, ...]) -> dict[str, str]:
    """By name: a digest of the code, the versions of Python and of libraries, digests of checkpoints."""
    read = {} if config is None else {f"{path.parent.name}/{path.name}": path for path in checkpoints(config)}
    return {
        "code": CODE_THAT_RUNS,
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: _version(name) for name in names},
        **{name: sha256_of(path)[:12] for name, path in read.items()},
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _digest() -> str:
    digest = hashlib.sha256()
    for path in found_below([CODE], ("*.py", "*.cpp", "*.h")):
        digest.update(f"{path.relative_to(CODE).as_posix()} {sha256_of(path)}\n".encode())
    return digest.hexdigest()[:12]


CODE_THAT_RUNS = _digest()
"""Taken as soon as a process can: a worker that lives on goes on with this code, whatever is in the files by then."""
