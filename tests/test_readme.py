"""The README says what is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.config import read
from ffhq_uv.figures.table import PUBLISHED, markdown

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_quality_table_is_that_of_the_committed_metrics() -> None:
    assert markdown({name: json.loads((ROOT / f"metrics/{name}.json").read_text()) for name in PUBLISHED}) in README


@pytest.mark.slow
def test_every_override_shown_composes() -> None:
    commands = re.findall(r"^dvc exp run .*", README, re.MULTILINE)
    assert len(commands) >= 6
    for command in commands:
        overrides = re.findall(r"-S ([\w.]+)=(\S+)", command)
        for choice in zip(*(values.split(",") for _, values in overrides), strict=True):  # a sweep stands alone
            read([f"{key}={value}" for (key, _), value in zip(overrides, choice, strict=True)])


BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
SHELL = [line.partition("  #")[0].strip() for kind, block in BLOCKS if not kind for line in block.splitlines()]
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
COMMANDS = sorted({line for line in SHELL + INLINE if re.match(r"(make|dvc|python|pip|ffhq-uv)\b(?!\.)", line)})

ELSEWHERE = {
    "make": (".ci/run", "\nmake\n"),
    "make test": (".ci/run", "make test"),
    "make quick": ("Makefile", "quick: setup"),
    "dvc repro": ("tests/test_dvc.py", '"dvc", "repro"'),
    "dvc metrics show": ("tests/test_dvc.py", '"dvc", "metrics", "show"'),
    "dvc metrics diff": ("tests/test_dvc.py", '"dvc", "metrics", "diff"'),
    "dvc plots show": ("tests/test_dvc.py", '"dvc", "plots", "show"'),
    "dvc exp run --queue": ("tests/test_experiments.py", '"dvc", "exp", "run", "--queue"'),
    "dvc exp run": ("tests/test_dvc.py", '"dvc", "exp", "run"'),
    "dvc queue start": ("tests/test_experiments.py", '"dvc", "exp", "run", "--run-all"'),
    "dvc remote add": ("tests/test_dvc.py", '"dvc", "remote", "add"'),
    "dvc get": ("tests/test_dvc.py", '"dvc", "get"'),
    "python -m ffhq_uv experiments": ("tests/test_dvc.py", '"ffhq_uv", "experiments"'),
    "python -m ffhq_uv invert": ("tests/inversion/test_invert_tool.py", "invert"),
    "python -m ffhq_uv plan": ("tests/tools/test_plan.py", 'main(["plan"'),
    "python -m ffhq_uv transfer": ("tests/tools/test_transfer_tool.py", "transfer"),
    "ffhq-uv init": ("tests/tools/test_init_tool.py", '"ffhq_uv", "init"'),
    "pip install": ("Makefile", "pip install"),
}
"""Of commands that are not run here: the file that runs them, and the words by which it does."""
STANDS_FOR = {"maps=PATH": "maps=data/ffhq-uv-interpolate/uv-maps", "sample=000003": "sample=000003"}


def elsewhere(command: str) -> str | None:
    """The entry of `ELSEWHERE` for a command, the longest that begins it."""
    found = [begin for begin in ELSEWHERE if f"{command} ".startswith(f"{begin} ")]
    return max(found, key=len, default=None)


HERE = [command for command in COMMANDS if elsewhere(command) is None]


def test_every_command_is_run_by_a_test() -> None:
    assert len(COMMANDS) > 25
    for command in COMMANDS:
        if (entry := elsewhere(command)) is not None:
            file, words = ELSEWHERE[entry]
            assert words in (ROOT / file).read_text(), command
        else:
            assert command.startswith("python -m ffhq_uv "), command


@pytest.mark.parametrize("command", HERE)
def test_a_command_runs_on_a_finished_run(command: str, copied: Callable[..., Path]) -> None:
    folder = copied("data", "metrics", "reports", "plots")
    words = [STANDS_FOR.get(word, word) for word in command.split()[3:]]
    with inside(folder):
        try:
            status = main(words)
        except SystemExit as left:  # --help
            status = int(str(left.code))
    assert status == (1 if words[0] == "doctor" else 0)  # no published archives are here, as it says


def test_the_snippet_runs_on_a_finished_run(small_run: Path) -> None:
    (snippet,) = (block for kind, block in BLOCKS if kind == "python")
    with inside(small_run):
        exec(snippet, {})


def test_every_picture_and_file_shown_exists() -> None:
    for path in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (ROOT / path).exists(), path
