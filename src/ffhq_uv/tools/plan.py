"""plan: measure this machine for a minute; say how long the configured run takes, and how much disk.

The stages that take long run for real, on a few samples, in a folder that is deleted again: once with one worker and
once with as many as there may be. Their logs say what a sample costs (a worker's first shard, which loads and compiles,
does not count); what is left of the time is what a stage takes to start. They say what its time goes into, too, and a
convolution tried both ways says which option would shorten that.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import yaml

from ffhq_uv.command.words import Words
from ffhq_uv.config import Config, PublishedSource, StudioSource
from ffhq_uv.shards.engines import cores
from ffhq_uv.source.report import planned
from ffhq_uv.store import files
from ffhq_uv.store.rows import ROWS

if TYPE_CHECKING:
    from ffhq_uv.chain.quicker import Option

SAMPLES = 24
"""Samples of the calibration, at most; a tenth of the configured run, if that is less, but no fewer than `FEWEST`."""
FEWEST = 12
SHARD = 2
"""Samples a shard of the calibration: several for every worker."""


@dataclass(frozen=True)
class Cost:
    """What a stage costs: seconds to start, worker's seconds a sample of each data set, and bytes on disk a sample.

    shares    of the time of a sample, by phase
    """

    start: float
    each: Mapping[str, float]
    bytes: float = 0
    shares: Mapping[str, float] = field(default_factory=dict)

    def seconds(self, samples: Mapping[str, int], workers: int) -> float:
        """How long ``workers`` take for some samples of each data set."""
        return self.start + sum(count * self.each[label] for label, count in samples.items()) / workers


def run(words: Words, config: Config) -> None:
    """Calibrate, and print the plan."""
    from ffhq_uv.chain.quicker import quicker  # loads torch: two seconds that nobody else waits for

    most = config.engine.workers or cores()
    tried = sorted({1, most})
    print(f"measuring this machine with {' and '.join(map(str, tried))} workers ...", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="ffhq-uv-plan-") as folder:
        scratch = Scratch(Path(folder), config)
        counts = scratch.prepare()
        stages = [stage for stage in counts if stage != "pull"]
        calibrated = {workers: scratch.calibrate(stages, workers) for workers in tried}
    print("\n".join(report(config, counts, scratch.pull, calibrated)))
    print("\n".join(where(calibrated[1], quicker(config))))


@dataclass
class Scratch:
    """A folder in which stages run on a few samples."""

    folder: Path
    config: Config
    pull: Cost | None = None

    def prepare(self) -> dict[str, dict[str, int]]:
        """Put the calibration's input there; the samples of the configured run, by stage and data set."""
        (self.folder / "data").mkdir()
        source = self.config.source
        if isinstance(source, StudioSource):
            people, reference = source.people, source.reference
            few = {"people": _few(people), "reference": min(FEWEST, reference)}
            # The first time may have kernels to compile.
            _, less, more = (self._stage("pull", source=few | {"people": n}) for n in (2, 2, few["people"]))
            each = max(0.0, more - less) / max(1, few["people"] - 2)
            size = _size(self.folder / "data/archives/dataset") / few["people"]
            self.pull = Cost(max(0.0, more - each * few["people"]), {"ffhq-uv": each}, size)
            self._stage("index", source=few)
        else:
            self._borrow()
            tables = [files.read_table(path) for path in (files.INDEX, files.REFERENCE_INDEX)]
            people, reference = (table["reason"].null_count() for table in tables)
        self._stage("normalise")
        self._put_aside("prepared")
        if self.config.normalise.name != "off":
            people = reference
        self._recipes()
        truth = {"truth": {files.SAMPLE_CODES.stem: people}} if self.config.generator.name == "studio" else {}
        edited = {} if self.config.normalise.name == "off" else {"normalise": {files.SAMPLE_CODES.stem: people}}
        return {
            "pull": {"ffhq-uv": people},
            **edited,
            "measure": {"ffhq-uv": people, "reference": reference},
            **truth,
            "extract": {files.INTERPOLATED.name: self.config.interpolate.count},
        }

    def calibrate(self, stages: Sequence[str], workers: int) -> dict[str, Cost]:
        """Run stages that take long with some workers."""
        engine = {"workers": workers, "shard": SHARD}
        gate = self.config.interpolate.model_dump(mode="json") | {"gate": {"enabled": False, "spare": 0.0}}
        costs = {}
        for stage in stages:
            seconds = self._stage(stage, engine=engine, interpolate=gate, failures={"max_share": 1.0}, shard=None)
            lines = (self.folder / f"logs/{stage}.jsonl").read_text().splitlines()
            log = [json.loads(line) for line in lines]
            each, busy = rates(log, workers)
            new = self.folder / files.INTERPOLATED
            size = _size(new) / max(1, len(list(new.rglob("*.png")))) if stage == "extract" else 0
            costs[stage] = Cost(max(0.0, seconds - busy), each, size, shares(log))
            self._put_aside(str(workers))
        return costs

    def _put_aside(self, name: str) -> None:
        """Move what stages finished out of the way, so that they do it again."""
        for work in (self.folder / "data").glob(".partial-*/lock"):
            work.parent.rename(self.folder / f"{work.parent.name}-{name}")

    def _stage(self, stage: str, **sections: Any) -> float:
        """Run a stage on this machine with some sections of the configuration changed; the seconds that it took."""
        values = self.config.model_dump(mode="json", by_alias=True)
        values |= {name: values[name] | new if isinstance(new, dict) else new for name, new in sections.items()}
        values["engine"] |= {"name": "local"}
        values["engine"].pop("address", None)
        if not isinstance(self.config.source, StudioSource):  # the studio may publish its own
            values["checkpoints"] = str(self.config.checkpoints.absolute())
        for section in (values["generator"], values["expression"], values["identity"], values["light"]):
            if section.get("checkpoint") is not None:
                section["checkpoint"] = str(Path(section["checkpoint"]).absolute())
        (self.folder / "params.yaml").write_text(yaml.safe_dump(values))
        command = [sys.executable, "-m", "ffhq_uv", stage, "--params", "params.yaml"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
        began = time.monotonic()
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"plan: the calibration of {stage} failed:\n{done.stderr.strip()}")
        return time.monotonic() - began

    def _borrow(self) -> None:
        """Use the archives and codes that are here, and the first good samples of the index."""
        for path in (files.ARCHIVES, files.LATENTS):
            if path.exists():
                (self.folder / path).symlink_to(path.resolve())
        for path in (files.INDEX, files.REFERENCE_INDEX):
            files.write_table(self.folder / path, files.read_table(path).head(SAMPLES))

    def _recipes(self) -> None:
        """Recipes of pairs of the calibration's samples, all in one category."""
        index = pl.read_parquet(self.folder / files.SAMPLES).filter(pl.col("reason").is_null())
        ids = index["id"].to_list()
        members = pl.DataFrame({"id": ids, "category": "all"})
        count = _few(self.config.interpolate.count)
        pairs = [[ids[k % len(ids)], ids[(k + 1) % len(ids)]] for k in range(count)]
        recipes = pl.DataFrame(
            {
                "id": [f"{k:06d}" for k in range(count)],
                "category": "all",
                "parents": pairs,
                "weights": [[0.5, 0.5]] * count,
                "gender": 0,
                "beard": 0.0,
                "age": 30.0,
                "spare": False,
            }
        )
        files.write_table(self.folder / files.CATEGORIES, members)
        files.write_table(self.folder / files.RECIPES, recipes)


def rates(log: Sequence[Mapping[str, Any]], workers: int) -> tuple[dict[str, float], float]:
    """Worker's seconds a sample of each data set, and the seconds that all samples take ``workers`` at that rate.

    The first shard of every worker is left out, unless a data set has no other.
    """
    warm = _warm(log)
    each = {}
    for name in sorted({_label(line) for line in log}):
        lines = [line for line in warm if _label(line) == name] or [line for line in log if _label(line) == name]
        each[name] = sum(line["seconds"] for line in lines) / sum(line["samples"] for line in lines)
    return each, sum(line["samples"] * each[_label(line)] for line in log) / workers


def shares(log: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Of the time of a sample, by phase, the largest first; of all shards but the first of every worker, if any."""
    seconds: dict[str, float] = {}
    for line in _warm(log) or log:
        for phase, began, ended in line.get("spans", []):
            seconds[phase] = seconds.get(phase, 0.0) + ended - began
    whole = sum(seconds.values())
    return {phase: seconds[phase] / whole for phase in sorted(seconds, key=lambda phase: -seconds[phase])}


def _warm(log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The lines of a log without the first of every worker."""
    first: set[str] = set()
    warm = []
    for line in sorted(log, key=lambda line: line["began"]):
        if line["worker"] in first:
            warm.append(line)
        first.add(line["worker"])
    return warm


def where(calibrated: Mapping[str, Cost], options: Iterable[Option]) -> Iterator[str]:
    """Lines that say what the time of every stage goes into, and which options would shorten it."""
    for stage, cost in calibrated.items():
        told = [f"{phase} {share:.0%}" for phase, share in cost.shares.items() if share >= 0.005]
        if told:
            yield f"A sample's time in {stage}: {', '.join(told)}."
    for option in options:
        yield f"{option.words} would shorten {option.phase}: convolutions are {option.factor:.1f}x as fast here."


def report(
    config: Config,
    counts: Mapping[str, Mapping[str, int]],
    pull: Cost | None,
    calibrated: Mapping[int, Mapping[str, Cost]],
) -> Iterator[str]:
    """The plan as a table: a row a stage, a column a number of workers; and what it leaves out."""
    columns = _columns(max(calibrated))
    yield "| stage | samples | " + " | ".join(f"{count} worker{'s' * (count > 1)}" for count in columns) + " | disk |"
    yield "| --- | ---: |" + " ---: |" * (len(columns) + 1)
    totals, disk = [0.0] * len(columns), 0.0
    for stage, samples in counts.items():
        if stage == "pull" and pull is None:
            continue
        costs = [pull if stage == "pull" and pull else between(calibrated, stage, count) for count in columns]
        seconds = [
            cost.seconds(samples, 1 if stage == "pull" else count) for cost, count in zip(costs, columns, strict=True)
        ]
        size = costs[0].bytes * max(samples.values())
        if stage == "measure":
            size = sum(samples.values()) * ROWS * 512 * 4  # the codes, which index has written
        disk += size
        totals = [total + more for total, more in zip(totals, seconds, strict=True)]
        yield f"| {stage} | {sum(samples.values()):,} | {' | '.join(map(_duration, seconds))} | {_bytes(size)} |"
    yield f"| together | | {' | '.join(map(_duration, totals))} | {_bytes(disk)} |"
    free = shutil.disk_usage(".").free
    enough = "" if free > disk else ": NOT ENOUGH"
    yield f"\n{_bytes(free)} are free here{enough}. It takes twice the disk where DVC cannot link files."
    yield "Left out: index, filter, classify, interpolate and evaluate, which read tables, and DVC's own time."
    if "truth" not in counts:
        yield "Left out: truth, which nobody knows but the studio."
    if pull is None:
        if isinstance(config.source, PublishedSource):
            yield planned(config.source, config.pull.tries, config.pull.parallel)
        yield "Left out: the time that pull takes, which is the network's."
    if config.interpolate.gate.enabled:
        yield "Left out: the spare samples that the gate asks for."
    if config.engine.name in ("dask", "ray"):
        yield f"For workers on this machine; engine={config.engine.name} may have others."


def between(calibrated: Mapping[int, Mapping[str, Cost]], stage: str, workers: int) -> Cost:
    """What a stage costs with some workers: between those that were tried, a sample's cost grows in a line."""
    few, many = calibrated[min(calibrated)][stage], calibrated[max(calibrated)][stage]
    share = (workers - 1) / max(1, max(calibrated) - 1)
    each = {label: (1 - share) * cost + share * many.each[label] for label, cost in few.each.items()}
    return Cost(min(few.start, many.start), each, many.bytes)


def _columns(most: int) -> list[int]:
    """Numbers of workers to show: all up to 4, then doubling, and the most."""
    doubling = (2**power for power in range(3, most.bit_length()))
    return sorted({*range(1, min(most, 4) + 1), *doubling, most})


def _label(line: Mapping[str, Any]) -> str:
    """The data set of a log's line."""
    label: str = line["shard"].rsplit("-", 2)[0]
    return label


def _few(samples: int) -> int:
    return min(samples, max(FEWEST, min(SAMPLES, samples // 10)))


def _size(folder: Path) -> int:
    """Bytes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def _bytes(size: float) -> str:
    for unit, length in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if size >= length:
            return f"{size / length:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
