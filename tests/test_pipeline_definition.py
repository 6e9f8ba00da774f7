"""dvc.yaml says truly what every stage reads."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import yaml

from ffhq_uv.config import read

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
NO_RESULT = (
    "ffhq_uv/config/",
    "ffhq_uv/once.py",
    "ffhq_uv/repository.py",
    "ffhq_uv/secrecy.py",
    "ffhq_uv/engine/",
    "ffhq_uv/shards/",
    "ffhq_uv/checkpoints/",
    "ffhq_uv/store/apart.py",
    "ffhq_uv/store/files.py",
    "ffhq_uv/store/written.py",
)
"""What no stage lists: it says where results go, who computes them, and whether a run may begin, not what they are."""


@cache
def imports(module: Path) -> frozenset[Path]:
    """The project's modules that a module imports (with their packages)."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ffhq_uv"):
            base = SOURCE / node.module.replace(".", "/")
            package = [base] if node.module != "ffhq_uv" else []  # what it offers it imports when that is used
            for name in [*package, *(base / alias.name for alias in node.names)]:
                found |= {path for path in (name.with_suffix(".py"), name / "__init__.py") if path.exists()}
    return frozenset(found)


def reached(script: Path) -> set[Path]:
    """A script and the modules whose code decides its results: those that it imports, directly or through others."""
    found, todo = set(), [script]
    while todo:
        module = todo.pop()
        if module not in found and not str(module.relative_to(SOURCE)).startswith(NO_RESULT):
            found.add(module)
            todo += imports(module)
    return found


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "config"])
def test_a_stage_depends_on_all_the_code_that_it_runs(stage: str) -> None:
    script = SOURCE / f"ffhq_uv/stages/{stage}.py"
    deps = STAGES[stage]["deps"]
    listed = [ROOT / path for path in deps + (STAGES["chain"]["deps"] if "data/chain.json" in deps else [])]
    missing = {
        str(path.relative_to(SOURCE))
        for path in reached(script)
        if not any(path == other or other in path.parents for other in listed)
    }
    assert {path for path in missing if not path.endswith("__init__.py")} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_reads_as_a_table_of_contents(stage: str) -> None:
    assert len(STAGES[stage]["deps"]) <= 14


def test_what_runs_a_stage_changes_no_result() -> None:
    """A change of the engine, of progress or of a tool reruns nothing."""
    listed = {path for stage in STAGES.values() for path in stage["deps"]}
    assert not [
        path for path in listed if path.startswith(("src/ffhq_uv/engine", "src/ffhq_uv/shards", "src/ffhq_uv/tools"))
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_lists_nothing_twice(stage: str) -> None:
    listed = STAGES[stage]["deps"]
    assert sorted(set(listed)) == sorted(listed)


def test_stages_name_parameters_that_exist() -> None:
    config = read()
    for name in {name for stage in STAGES.values() for name in stage.get("params", [])}:
        value = config
        for part in name.split("."):
            value = getattr(value, part)


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "config"])
def test_a_stage_reads_what_dvc_recorded(stage: str) -> None:
    """And runs the code of the folder that DVC runs it in, which may be a copy."""
    assert STAGES[stage]["cmd"] == f"PYTHONPATH=src:$PYTHONPATH python -m ffhq_uv {stage} --params params.yaml"


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_says_what_it_does(stage: str) -> None:
    assert STAGES[stage]["desc"]


@pytest.mark.parametrize("folder", ["data", "reports"])
def test_git_ignores_exactly_the_data_that_dvc_keeps(folder: str) -> None:
    listed = [out for stage in STAGES.values() for out in stage.get("outs", [])]
    names = {name for out in listed for name in ([out] if isinstance(out, str) else out)}
    lines = (ROOT / folder / ".gitignore").read_text().split()
    ignored = {f"{folder}{line}" for line in lines if "partial" not in line}
    assert {name for name in names if name.startswith(f"{folder}/")} == ignored


@pytest.mark.parametrize("stage", ["measure", "truth", "extract"])
def test_a_stage_that_draws_faces_depends_on_the_networks(stage: str) -> None:
    assert "data/checkpoints.json" in STAGES[stage]["deps"]
    assert "checkpoints" in STAGES["checkpoints"]["deps"]
    assert (ROOT / "checkpoints/README.md").exists()  # DVC wants the folder to be there, in a fresh clone too
