"""The same bytes on another kind of processor, whose libraries take other ways to the same sums."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from tests.small_run import SMALL, STAGES

AN_OLDER_ONE = {
    "OPENBLAS_CORETYPE": "Haswell",
    "MKL_CBWR": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
}
"""What makes NumPy, OpenBLAS, MKL, oneDNN and torch compute as on a processor with AVX2 and nothing newer."""

RUN = """
import sys
from ffhq_uv.command.line import main
stages, overrides = sys.argv[1].split(","), sys.argv[2:]
sys.exit(max(main([stage, *overrides]) for stage in stages))
"""


def digests(folder: Path) -> dict[str, str]:
    """The MD5 of every file that the stages leave."""
    kept = [path for place in ("data", "metrics", "reports") for path in sorted((folder / place).rglob("*"))]
    return {
        str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest()
        for path in kept
        if path.is_file() and ".partial-" not in str(path)
    }


def test_every_result_is_the_same_on_an_older_processor(small_run: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, ",".join(STAGES), *SMALL]
    subprocess.run(command, cwd=tmp_path, env=os.environ | AN_OLDER_ONE, check=True, capture_output=True)
    here, there = digests(small_run), digests(tmp_path)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []
