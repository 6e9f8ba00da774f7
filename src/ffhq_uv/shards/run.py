"""Finish a stage's shards: through the engine, around what earlier runs finished, past samples that kill workers."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO, TypeVar

import polars as pl

from ffhq_uv.config import Config
from ffhq_uv.engine import Engine, Part, worker
from ffhq_uv.faults import PassingError, is_passing
from ffhq_uv.shards.engines import build_engine
from ffhq_uv.shards.key import key_of
from ffhq_uv.shards.phases import Span, take_spans
from ffhq_uv.shards.progress import progress
from ffhq_uv.shards.provenance import begin_run
from ffhq_uv.shards.table import SHARD
from ffhq_uv.shards.throughput import Throughput, report
from ffhq_uv.shards.work import Work, work_on
from ffhq_uv.store import files

WORKER_DIED = "worker_died: every time, also alone (out of memory, or a crash in native code)"
"""The reason of a sample that kills its worker."""
ROUNDS, PAUSE = 2, 0.5
"""Times that shards are tried again in a run which a fault of the moment hit, and seconds before that."""

S = TypeVar("S", bound="Shard")


class Shard(Protocol):
    """Some samples: what a job is."""

    @property
    def ids(self) -> list[str]:
        """The samples' ids."""

    @property
    def label(self) -> str:
        """The data set that the ids belong to."""

    def ones(self: S) -> list[S]:
        """A shard for every sample."""


Make = Callable[[Work, S], tuple[pl.DataFrame, list[Path]]]
"""Makes the samples of a shard: their rows, and the files that it wrote below the work's folder."""


@dataclass(frozen=True)
class Done:
    """A line of the log.

    failed     samples
    began      seconds since 1970
    seconds    until it was finished
    worker     process on host
    spans      what was done when
    """

    shard: str
    samples: int
    failed: int
    began: float
    seconds: float
    worker: str
    spans: list[Span]


@dataclass(frozen=True)
class PutOff:
    """A shard that could not be made at the moment, and why."""

    reason: str


@dataclass
class Run:
    """A run of a stage: shards that are finished, and workers to finish the others.

    schema    of the rows; ``id`` and ``reason`` are among the columns
    """

    stage: str
    schema: files.Schema
    work: Work
    engine: Engine
    begun: worker.Run
    part: Part | None
    bar: Any
    log: TextIO
    throughput: Throughput
    leave_out: bool
    died: set[str] = field(default_factory=set)
    apart: set[str] = field(default_factory=set)

    def rows(self, make: Make[S], shards: Sequence[S], long: Sequence[str] = ()) -> pl.DataFrame | None:
        """The rows of all shards, in their order; None if this run finishes one part of them only.

        Shards that an earlier run finished, and that are whole, are not made again. A shard that costs its worker's
        life every time is taken apart, and all samples but the one that does it are made. This one, and what a fault of
        the moment hit again and again, is not finished: RuntimeError says so, and the next run tries it again. If
        samples may be left out (``failures.died``), it has a row with the reason `WORKER_DIED` instead.

        Columns that are ``long`` are not read; the column `SHARD` says of each row where they are (`table.write_rows`).
        """
        own = shards if self.part is None else self.part.of(shards, name)
        todo = [shard for shard in own if not self.work.whole(name(shard), shard.ids)]
        there = _samples(own) - _samples(todo)
        self.bar.total += _samples(own)
        self.bar.initial += there
        self.bar.update(there)
        self._finish(make, _kinds_first(todo))
        if self.died and not self.leave_out:
            raise RuntimeError(
                f"{self.stage}: every worker that had one of these samples died (out of memory, a crash in native "
                f"code, or it hung for longer than engine.patience): {_some(sorted(self.died))}. All others are "
                "finished and kept. Run it again, with more memory or fewer workers; failures.died=leave_out goes on "
                "without these samples"
            )
        if self.part is None:
            short = [name for name in self.schema if name not in long]
            return pl.concat([self._rows(shard, short) for shard in shards]).drop([] if long else SHARD)
        missing = sum(not self.work.has(name(shard)) for shard in shards)
        self.bar.write(
            f"{self.stage}, part {self.part}: its {len(own):,} shards are finished, {missing:,} of other parts are not "
            "yet. A run without shard= goes on from what is finished",
            file=sys.stderr,
        )
        return None

    def _rows(self, shard: S, columns: list[str]) -> pl.DataFrame:
        if name(shard) in self.apart:
            return pl.concat([self._rows(one, columns) for one in shard.ones()])
        if self.died.issuperset(shard.ids):
            lost = pl.DataFrame([{"id": shard.ids[0], "reason": WORKER_DIED}], self.schema)
            return lost.select(*columns, pl.lit(None, pl.String).alias(SHARD))
        return self.work.rows(name(shard), columns).with_columns(pl.lit(name(shard)).alias(SHARD))

    def _finish(self, make: Make[S], shards: Sequence[S]) -> None:
        """Make shards, and those again that a fault of the moment hit, after the others."""
        for again in range(ROUNDS + 1):
            put_off = self._try(make, shards)
            if not put_off:
                return
            shards = [shard for shard, _ in put_off]
            time.sleep(PAUSE * (again < ROUNDS))
        reason = min(reason for _, reason in put_off)
        raise PassingError(
            f"{self.stage}: {len(shards):,} shards could not be made, {ROUNDS + 1} times: {reason[:300]}. "
            "All others are finished and kept"
        )

    def _try(self, make: Make[S], shards: Sequence[S]) -> list[tuple[S, str]]:
        """Make shards; those that could not be made at the moment, and why."""
        lost, put_off = [], []
        job = partial(worker.call, self.begun, partial(_make_and_keep, self.work, make))
        for outcome in self.engine.outcomes(job, shards, name):
            if outcome.lost:
                lost.append(outcome.job)
                continue
            done = outcome.result
            assert done is not None
            if isinstance(done, PutOff):
                put_off.append((outcome.job, done.reason))
                continue
            self.log.write(json.dumps(asdict(done)) + "\n")
            self.log.flush()
            self.throughput.samples += done.samples
            self.bar.update(done.samples)
        for shard in lost:
            self._take_apart(make, shard)
        return put_off

    def _take_apart(self, make: Make[S], shard: S) -> None:
        if len(shard.ids) == 1:
            self.died.add(shard.ids[0])
            self.bar.update(1)
            return
        self.apart.add(name(shard))
        self._finish(make, [one for one in shard.ones() if not self.work.whole(name(one), one.ids)])


@contextlib.contextmanager
def running(stage: str, config: Config, schema: files.Schema, key: str | None = None) -> Iterator[Run]:
    """A run of a stage. What it finishes is found again by the next one, if this one is killed or fails.

    Raises RuntimeError if another run is at the same work, ConfigError for an engine that is not there, and OSError,
    with what to do, where the disk is full or may not be written.
    """
    part = None if config.shard is None else Part.parse(config.shard)
    engine = build_engine(config.engine)
    with contextlib.ExitStack() as opened:
        try:
            work = opened.enter_context(work_on(stage, key or key_of(stage, config), part))
            log = opened.enter_context(_log(stage, part, anew=not work.begun()))
            opened.enter_context(engine)
            bar = opened.enter_context(progress(0, stage))
            leave_out = config.failures.died == "leave_out"
            run = Run(stage, schema, work, engine, begin_run(config), part, bar, log, Throughput(), leave_out)
            yield run
        except OSError as error:
            if not files.cannot_write(error):
                raise
            raise OSError(
                f"{error}. What is finished is kept; make room or allow writing, then run {stage} again"
            ) from error
    report(stage, run.throughput)


@contextlib.contextmanager
def _log(stage: str, part: Part | None, *, anew: bool) -> Iterator[TextIO]:
    """logs/<stage>.jsonl, a line a shard in the order in which they were finished; begun anew with the work."""
    path = files.LOGS / (f"{stage}.jsonl" if part is None else f"{stage}-{part.index}-of-{part.count}.jsonl")
    path.parent.mkdir(exist_ok=True)
    with open(path, "w" if anew else "a") as log:
        yield log


def name(shard: Shard) -> str:
    """What a shard is called: by its first sample, and by all."""
    digest = hashlib.sha256("\n".join(shard.ids).encode()).hexdigest()[:12]
    return f"{shard.label}-{shard.ids[0]}-{digest}"


def _make_and_keep(work: Work, make: Make[S], shard: S) -> Done | PutOff:
    """A worker's job: make a shard's samples and keep them."""
    began = time.time()
    take_spans()
    try:
        rows, written = make(work, shard)
        work.keep(name(shard), rows, written)
    except Exception as error:
        if not is_passing(error) or (isinstance(error, OSError) and files.cannot_write(error)):
            raise
        return PutOff(str(error) if isinstance(error, PassingError) else f"{type(error).__name__}: {error}")
    return Done(
        name(shard),
        len(shard.ids),
        rows.drop_nulls("reason")["id"].n_unique(),
        round(began, 3),
        round(time.time() - began, 3),
        f"{os.getpid()} on {socket.gethostname()}",
        take_spans(),
    )


def _kinds_first(shards: Sequence[S]) -> list[S]:
    """Shards in the order in which they are handed out: the first one, those of other labels, its own label's others.

    In a first run a worker compiles for its label; workers that have the same to do would wait for it.
    """
    return [*shards[:1], *sorted(shards[1:], key=lambda shard: shard.label == shards[0].label)]


def _some(ids: Sequence[str]) -> str:
    """A few ids, and how many more there are."""
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5:,} more" if len(ids) > 5 else "")


def _samples(shards: Sequence[Shard]) -> int:
    return sum(len(shard.ids) for shard in shards)
