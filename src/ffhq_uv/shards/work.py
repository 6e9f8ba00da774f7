"""What a stage has finished, kept so that a run which was killed goes on where it was.

A stage that takes long keeps every finished shard in ``data/.partial-<stage>-<key>/``, which DVC does not know and so
does not delete. The key stands for all that the content depends on (`key.key_of`): work is found again exactly if all
of that is unchanged. What is there is complete: rows take their name last, after the files that belong to them are on
the disk.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ffhq_uv.engine.part import Part
from ffhq_uv.repository import repository
from ffhq_uv.store import files

FINISHED = "finished"
"""Marks work whose stage ended well."""


@dataclass(frozen=True)
class Work:
    """The folder of a stage's finished shards: ``shards/`` for their rows, the rest as the stage likes."""

    folder: Path

    def has(self, shard: str) -> bool:
        """Whether a shard is finished."""
        return self._rows(shard).exists()

    def begun(self) -> bool:
        """Whether any shard is finished."""
        return any((self.folder / "shards").iterdir())

    def keep(self, shard: str, rows: pl.DataFrame, belongings: Iterable[Path] = ()) -> None:
        """Mark a shard finished by its rows, once the files that belong to it are safe from a power cut."""
        for path in belongings:
            _sync(path)
        with files.replacing(self._rows(shard)) as partial:
            rows.write_parquet(partial)
            _sync(partial)

    def rows(self, shards: Iterable[str]) -> pl.DataFrame:
        """The rows of finished shards, one below the other."""
        return pl.concat([pl.read_parquet(self._rows(shard)) for shard in shards])

    def _rows(self, shard: str) -> Path:
        return self.folder / "shards" / f"{shard}.parquet"


@contextlib.contextmanager
def work_on(stage: str, key: str, part: Part | None) -> Iterator[Work]:
    """The work of a stage: what earlier runs finished of it, to be added to.

    A run has it to itself, or shares it with other parts. Work that was finished stays, because DVC may be killed
    before it has recorded the results, until another stage runs (`remove_finished`). Other work of this stage goes,
    with its disk space, when this is finished. Raises RuntimeError if another run, perhaps the orphan of a killed
    ``dvc``, is at it.
    """
    folder = _home() / f".partial-{stage}-{key}"
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        held.enter_context(_lock(folder / "lock", shared=part is not None))
        if part is not None:
            held.enter_context(_lock(folder / f"part-{part.index}-of-{part.count}.lock"))
        yield Work(folder)
        if part is None:
            (folder / FINISHED).touch()
            for other in _home().glob(f".partial-{stage}-*"):
                if other != folder:
                    _remove(other)


def remove_finished(but: str) -> None:
    """Remove the work of stages that ended well; a stage that runs now tells that DVC has recorded those before it."""
    for marker in _home().glob(f".partial-*/{FINISHED}"):
        if not marker.parent.name.startswith(f".partial-{but}-"):
            _remove(marker.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _home() -> Path:
    """``data/``; of the repository, where an experiment runs in a copy of it that will be gone."""
    return repository().resolve() / "data"


@contextlib.contextmanager
def _lock(path: Path, *, shared: bool = False) -> Iterator[None]:
    with open(path, "a+") as lock:
        try:
            fcntl.flock(lock, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read() or "a part of it"
            raise RuntimeError(
                f"{path.parent}: another run is at work on it ({holder}); wait for it, or stop it"
            ) from None
        if not shared:
            lock.truncate(0)
            lock.write(f"process {os.getpid()} on {socket.gethostname()}")
            lock.flush()
        try:
            yield
        finally:
            if not shared:
                lock.truncate(0)


def _remove(folder: Path) -> None:
    """Remove work, unless a run is at it."""
    with contextlib.suppress(RuntimeError, FileNotFoundError), _lock(folder / "lock"):
        shutil.rmtree(folder, ignore_errors=True)
