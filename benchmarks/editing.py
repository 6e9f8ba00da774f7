"""Editing codes, without images, on one thread: ours against upstream's form as plainly read.

    python benchmarks/editing.py [--samples N] [--rounds N]

Networks by rule stand in for the published one: with set A the codes decide upstream's steps (20 evaluations a solve),
with B the log-density (38 to 50). Both ways take turns; printed is the CPU time of a sample, the least of the rounds,
and how many times as fast ours is. The bar is 8.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from tests.editing.rule import SMILE, attributes, code, direction, flow, probe

from editing_straight import edited
from ffhq_uv.editing.exact_solver import ExactSolver
from ffhq_uv.editing.normalise import Procedure, Solver, normalise
from ffhq_uv.editing.published_solver import PublishedSolver


def seconds(work: Callable[[], object]) -> float:
    """CPU time of this process."""
    began = time.process_time()
    work()
    return time.process_time() - began


def ours(solver: Solver, count: int) -> Callable[[], object]:
    """Edits so many samples at once."""
    codes, told = code().repeat(count, 1, 1), attributes().repeat(count, 1)
    return lambda: normalise(solver, Procedure(), codes, told, [SMILE] * count, direction(), ["x"] * count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| weights | as plainly read, ms | solver=published | solver=exact | faster by |\n|---|---|---|---|---|")
    for name in "AB":
        network = flow(name)
        ways: list[tuple[Callable[[], object], int]] = [
            (lambda network=network: edited(network, code(), attributes(), -2 * SMILE * direction()), 1),  # type: ignore[misc]
            (ours(PublishedSolver(network, probe), 1), 1),
            (ours(ExactSolver(network), given.samples), given.samples),
        ]
        rounds = [[seconds(way) / count for way, count in ways] for _ in range(given.rounds)]
        least = [min(times) for times in zip(*rounds, strict=True)]
        straight, published, exact = (1e3 * second for second in least)
        print(f"| {name} | {straight:.0f} | {published:.0f} | {exact:.0f} | {straight / exact:.1f} |", flush=True)


if __name__ == "__main__":
    main()
