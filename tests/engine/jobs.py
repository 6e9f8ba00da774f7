"""What the engine's tests let workers do; in a module of its own, because workers import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import torch

from ffhq_uv.once import once_a_run


class Deadly(NamedTuple):
    """A job that kills its worker ``times`` times; marks in the folder count."""

    number: int
    folder: Path
    times: int


def square(job: int) -> int:
    return job * job


def threads(_: int) -> int:
    return torch.get_num_threads()


def refuse_three(job: int) -> int:
    if job == 3:
        raise ValueError("three is refused")
    return job


def process(_: int) -> int:
    time.sleep(0.02)
    return os.getpid()


def folder(_: int) -> str:
    return str(Path.cwd())


def gpus(_: int) -> str | None:
    time.sleep(0.3)
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def survive(job: Deadly) -> int:
    return _signalled(job, signal.SIGKILL)


def _signalled(job: Deadly, by: signal.Signals) -> int:
    """Sends its worker a signal, the first ``times`` times."""
    marks = sorted(job.folder.glob(f"{job.number}-*"))
    if len(marks) < job.times:
        (job.folder / f"{job.number}-{len(marks)}").touch()
        os.kill(os.getpid(), by)
    return job.number


def die(_: int) -> int:
    os._exit(1)


def sleep_long(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    time.sleep(600)


def stop_once(job: Deadly) -> int:
    return _signalled(job, signal.SIGSTOP)


def sleep_or_stop(job: tuple[Path, bool]) -> None:
    folder, stopped = job
    (folder / str(os.getpid())).touch()
    if stopped:
        os.kill(os.getpid(), signal.SIGSTOP)
    time.sleep(600)


@once_a_run
def content(name: str) -> str:
    return Path(name).read_text()


def nothing() -> dict[str, str]:
    return {}


def here_only(process: int) -> dict[str, str]:
    """What a run may depend on, and another process has not."""
    return {"code": "one" if os.getpid() == process else "another"}
