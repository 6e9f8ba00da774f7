"""The same bytes on another kind of processor, whose libraries take other ways to the same sums."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.small_run import digests

AN_OLDER_ONE = {
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_CBWR": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
}
"""What makes NumPy, OpenBLAS, MKL, oneDNN and torch compute as on a processor with AVX2 and nothing newer."""

RUN = (
    "import sys; from pathlib import Path; from tests.small_run import STAGES, run; sys.exit(max(run(Path(), *STAGES)))"
)
ROOT = Path(__file__).parents[2]


def test_every_result_is_the_same_on_an_older_processor(small_run: Path, tmp_path: Path) -> None:
    environment = os.environ | AN_OLDER_ONE | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", RUN], cwd=tmp_path, env=environment, check=True, capture_output=True)
    for place in ("data", "metrics", "reports"):
        here, there = digests(small_run / place), digests(tmp_path / place)
        assert here.keys() == there.keys() != set()
        assert [name for name in here if here[name] != there[name]] == []
