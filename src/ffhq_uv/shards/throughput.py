"""How fast a stage was: for people at its end, and for ``dvc exp show``."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field

from ffhq_uv.store import files

METRIC = files.METRICS / "throughput.json"


@dataclass
class Throughput:
    """Samples made by this run (not by earlier ones that it goes on from), since when."""

    samples: int = 0
    began: float = field(default_factory=time.monotonic)


def report(stage: str, throughput: Throughput) -> None:
    """Print it; of an experiment, write it to metrics/throughput.json too.

    Time differs from run to run, and the metrics in Git must not: a plain ``dvc repro`` leaves none, and no stage has
    this one as its result. It is a metric of dvc.yaml's top level, which ``dvc exp run`` records with the experiment.
    """
    if not throughput.samples:
        return
    seconds = time.monotonic() - throughput.began
    rate = throughput.samples / seconds
    print(f"{stage}: {throughput.samples:,} samples in {seconds:,.0f} s, {rate:.3g} a second", file=sys.stderr)
    if "DVC_EXP_NAME" in os.environ:
        found = json.loads(METRIC.read_text()) if METRIC.exists() else {}
        found[stage] = {"samples": throughput.samples, "seconds": seconds, "samples_per_second": rate}
        files.write_metrics(METRIC.stem, found)
