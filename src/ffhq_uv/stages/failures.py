"""How many failed samples a stage puts up with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def check_failures(reasons: Iterable[str | None], max_share: float, stage: str) -> None:
    """Raise RuntimeError, with the reasons counted, if more than ``max_share`` (0..1) of the samples have one."""
    reasons = list(reasons)
    failed = Counter(reason for reason in reasons if reason is not None)
    if failed.total() > max_share * len(reasons):
        listed = "\n".join(f"  {count:6} x {reason}" for reason, count in failed.most_common(10))
        raise RuntimeError(
            f"{stage}: {failed.total()} of {len(reasons)} failed, more than failures.max_share={max_share}:\n{listed}"
        )
