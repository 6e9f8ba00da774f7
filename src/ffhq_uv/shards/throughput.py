"""How fast a stage was: for people at its end, and in logs/throughput.json."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field

from ffhq_uv.store import files

LAST = files.LOGS / "throughput.json"
"""The speed of every stage's last run; no result, since time differs from run to run."""


@dataclass
class Throughput:
    """Samples made by this run (not by earlier ones that it goes on from), since when."""

    samples: int = 0
    began: float = field(default_factory=time.monotonic)


def report(stage: str, throughput: Throughput) -> None:
    """Print it, and write it down."""
    if not throughput.samples:
        return
    seconds = time.monotonic() - throughput.began
    rate = throughput.samples / seconds
    print(f"{stage}: {throughput.samples:,} samples in {seconds:,.0f} s, {rate:.3g} a second", file=sys.stderr)
    found = json.loads(LAST.read_text()) if LAST.exists() else {}
    found[stage] = {"samples": throughput.samples, "seconds": seconds, "samples_per_second": rate}
    files.write_json(LAST, found)
