"""Kernels are compiled once, whoever asks first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL = """
import sys
import numpy as np
from ffhq_uv.kernel import kernel

@kernel
def double(values):
    for k in range(len(values)):
        values[k] *= 2

values = np.arange(3.0)
print("ready", flush=True)
sys.stdin.readline()
double(values)
assert values.tolist() == [0, 2, 4]
print(sum(double.stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_of_processes_that_need_a_kernel_at_once_one_compiles_it(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(KERNEL)
    both = [
        subprocess.Popen(
            [sys.executable, script], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert sorted(process.communicate()[0] for process in both) == ["0\n", "1\n"]
