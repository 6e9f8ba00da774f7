"""What a stage has finished, kept so that a run which was killed goes on where it was.

A stage that takes long keeps every finished shard in ``data/.partial-<stage>-<key>/``, which DVC does not know and so
does not delete. The key stands for all that the content depends on (`key.key_of`): work is found again exactly if all
of that is unchanged. Rows take their name last, after the files that belong to them are on the disk; what was damaged
since then is made again.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import socket
import zlib
from collections.abc import Iterable, Iterator, Sequence
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
        """Whether a shard is finished. What belongs to it is not looked at."""
        return self._rows(shard).exists()

    def whole(self, shard: str, ids: Sequence[str]) -> bool:
        """Whether a shard is finished, and its rows, which are of these samples, and its files are as they were."""
        try:
            sums = json.loads(self._sums(shard).read_text())
            if any(_sum(self.folder / name) != expected for name, expected in sums.items()):
                return False
            rows = pl.read_parquet(self._rows(shard), columns=["id"])
        except (OSError, ValueError, AttributeError, pl.exceptions.PolarsError):
            return False
        return self._name(shard) in sums and set(rows["id"]) == set(ids)

    def begun(self) -> bool:
        """Whether any shard is finished."""
        return any((self.folder / "shards").glob("*.parquet"))

    def keep(self, shard: str, rows: pl.DataFrame, belongings: Iterable[Path] = ()) -> None:
        """Mark a shard finished by its rows, once the files that belong to it are safe from a power cut.

        The sizes and checksums of all of them are written down, and looked at before they are believed (`whole`).
        """
        sums = {}
        for path in belongings:
            _sync(path)
            sums[path.relative_to(self.folder).as_posix()] = _sum(path)
        with files.replacing(self._rows(shard)) as partial:
            files.write_parquet(partial, rows)
            _sync(partial)
            sums[self._name(shard)] = _sum(partial)
            with files.replacing(self._sums(shard)) as partial_sums:
                partial_sums.write_text(json.dumps(sums))
                _sync(partial_sums)

    def rows(self, shard: str, columns: list[str]) -> pl.DataFrame:
        """Columns of the rows of a finished shard."""
        return pl.read_parquet(self._rows(shard), columns=columns)

    def _rows(self, shard: str) -> Path:
        return self.folder / self._name(shard)

    def _name(self, shard: str) -> str:
        return f"shards/{shard}.parquet"

    def _sums(self, shard: str) -> Path:
        return self.folder / f"shards/{shard}.json"


@contextlib.contextmanager
def work_on(stage: str, key: str, part: Part | None) -> Iterator[Work]:
    """The work of a stage: what earlier runs finished of it, to be added to.

    A run has it to itself, or shares it with other parts. Work that was finished stays, because DVC may be killed
    before it has recorded the results, until another stage runs (`remove_finished`), or this one with another key. What
    was not finished stays until it is asked for (`kept_work`). Raises RuntimeError if another run, perhaps the orphan
    of a killed ``dvc``, is at it.
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
            for marker in _home().glob(f".partial-{stage}-*/{FINISHED}"):
                if marker.parent != folder:
                    _remove(marker.parent)


def remove_finished(but: str) -> None:
    """Remove the work of stages that ended well; a stage that runs now tells that DVC has recorded those before it."""
    for marker in _home().glob(f".partial-*/{FINISHED}"):
        if not marker.parent.name.startswith(f".partial-{but}-"):
            _remove(marker.parent)


@dataclass(frozen=True)
class Kept:
    """Work that lies here: of which stage, whether the stage ended well, finished shards, and bytes on the disk."""

    folder: Path
    stage: str
    finished: bool
    shards: int
    bytes: int

    def remove(self) -> bool:
        """Remove it, unless a run is at it; whether it is gone."""
        _remove(self.folder)
        return not self.folder.exists()


def kept_work() -> list[Kept]:
    """All the work that lies in data/, of this configuration and of others."""
    found = []
    for lock in sorted(_home().glob(".partial-*-*/lock")):
        folder = lock.parent
        if not (folder / "shards").is_dir():
            continue
        size = sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())
        shards = len(list((folder / "shards").glob("*.parquet")))
        stage = folder.name.removeprefix(".partial-").rpartition("-")[0]
        found.append(Kept(folder, stage, (folder / FINISHED).exists(), shards, size))
    return found


def forget(stage: str) -> None:
    """Remove all work of a stage. Raises RuntimeError if a run is at it."""
    for kept in kept_work():
        if kept.stage == stage and not kept.remove():
            raise RuntimeError(f"{kept.folder}: a run is at work on it; wait for it, or stop it")


def _sum(path: Path) -> list[int]:
    """Size and CRC-32 of a file."""
    size, crc = 0, 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            size, crc = size + len(block), zlib.crc32(block, crc)
    return [size, crc]


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
    """Remove work, unless a run is at it. What has no lock is no work of ours."""
    if not (folder / "lock").is_file() or not (folder / "shards").is_dir():
        return
    with contextlib.suppress(RuntimeError, FileNotFoundError), _lock(folder / "lock"):
        shutil.rmtree(folder, ignore_errors=True)
