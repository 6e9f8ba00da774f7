"""How many failed samples a stage puts up with."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable


def check_failures(reasons: Iterable[str | None], max_share: float, stage: str) -> None:
    """Say on stderr which reasons samples failed for; RuntimeError if more than ``max_share`` (0..1) of them did."""
    reasons = list(reasons)
    failed = Counter(reason for reason in reasons if reason is not None)
    if not failed:
        return
    listed = "\n".join(f"  {count:6} x {reason}" for reason, count in failed.most_common(10))
    if failed.total() > max_share * len(reasons):
        raise RuntimeError(
            f"{stage}: {failed.total()} of {len(reasons)} failed, more than failures.max_share={max_share}:\n{listed}"
        )
    print(f"{stage}: {failed.total()} of {len(reasons)} failed:\n{listed}", file=sys.stderr)
