"""The command line: help that helps, errors on one line, exit codes that scripts can use."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose
from omegaconf import DictConfig

from ffhq_uv.__main__ import main
from ffhq_uv.command import tools
from ffhq_uv.command.stages import STAGES
from ffhq_uv.config import composed


def test_help_lists_every_command_and_how_to_override(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(command in shown for command in [*STAGES, *tools.names()])
    assert "filter.bs_error.max=" in shown


def test_the_stages_are_those_of_the_pipeline_in_its_order() -> None:
    pipeline = yaml.safe_load((Path(__file__).parents[1] / "dvc.yaml").read_text())
    assert list(STAGES) == list(pipeline["stages"])


@pytest.mark.parametrize("tool", tools.names())
def test_every_tool_says_in_a_line_what_it_does_and_explains_its_words(
    tool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.text(tool)
    assert main([tool, "--help"]) == 0
    usage, _, explained = capsys.readouterr().out.partition("\n")
    assert usage.startswith(f"usage: python -m ffhq_uv {tool}")
    assert "None" not in explained


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pack"], "out: is missing"),
        (["pack", "out="], "out=: no value"),
        (["pack", "out=a", "out=b"], "out=b: given twice"),
        (["table", "seed=2"], "seed=2: no word of this tool's"),
        (["convert-checkpoint", "a"], "target: is missing"),
        (["export", "out=heads"], "one of sample=ID and map=PNG is needed"),
        (["table", "foo"], "foo: no word of this tool's"),
    ],
)
def test_a_wrong_word_is_answered_with_the_usage(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert f"expected: {words[0]}" in shown
    assert shown.count("\n") == 1


def test_a_misspelt_key_names_the_keys_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", "filter.bs_eror.max=3"]) == 2
    assert "bs_error, expression, light, valid_area_ratio" in capsys.readouterr().err


def test_a_missing_input_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["table"]) == 1
    assert capsys.readouterr().err == "ffhq_uv table: metrics/FFHQ.json: not there yet; `dvc repro` makes it\n"


def test_the_configuration_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", "--show", "filter=strict", "seed=7"]) == 0
    shown = capsys.readouterr().out
    assert "seed: 7" in shown
    assert "quantile: 0.5" in shown


def test_the_studio_draws_no_codes_but_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latents").mkdir()
    assert main(["faces", "latents=latents", "out=faces"]) == 2
    assert "data/archives/topo_assets is not the studio's" in capsys.readouterr().err
    assert not (tmp_path / "faces").exists()


def test_the_real_archives_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pull", "source=ffhq_uv", "source.url=null"]) == 2
    said = capsys.readouterr().err
    assert "source.url=/path/to/FFHQ-UV" in said
    assert all(words in said for words in ("5wbi", "no longer active", "dataset/ffhq-uv/face-latents", "topo_assets/"))
    assert "source.url=hf://datasets/csbhr/FFHQ-UV" in said
    assert not (tmp_path / "data/archives").exists()


@pytest.mark.parametrize("without", ["torch", "numba", "matplotlib", "requests"])
def test_stages_start_without_what_only_their_workers_need(without: str) -> None:
    starting = [stage for stage in STAGES if (stage, without) != ("pull", "requests")]  # which fetches itself
    program = (
        "import importlib, sys, ffhq_uv.__main__\n"
        f"for stage in {starting}: importlib.import_module('ffhq_uv.stages.' + stage)\n"
        f"print({without!r} in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_a_stage_says_what_it_does_before_it_does_it_and_only_on_a_terminal(tmp_path: Path) -> None:
    """In a folder where it fails at once."""
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-m", "ffhq_uv", "classify"]
    ours, theirs = pty.openpty()
    subprocess.run(command, cwd=tmp_path, stderr=theirs, check=False)
    shown = os.read(ours, 10_000).decode().splitlines()
    os.close(ours)
    os.close(theirs)
    assert shown[0] == f"classify: {STAGES['classify']}"
    assert shown[1].startswith("ffhq_uv classify: ")
    quiet = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert quiet.stderr.splitlines() == shown[1:]


INTERRUPTED = """
import os, runpy, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "hydra":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["ffhq_uv", "classify"]
runpy.run_module("ffhq_uv", run_name="__main__", alter_sys=True)
"""


def test_ctrl_c_while_the_program_is_read_is_a_line() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "ffhq_uv: interrupted\n")


def test_ctrl_c_while_hydra_composes_is_no_fault_of_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: Any, **named: Any) -> DictConfig:
        signal.raise_signal(signal.SIGINT)
        composing.append(found := compose(*arguments, **named))
        return found

    composing: list[DictConfig] = []
    monkeypatch.setattr("ffhq_uv.config.composition.compose", interrupted)
    with pytest.raises(KeyboardInterrupt):
        composed(["seed=3"])
    assert composing[0].seed == 3


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_help_names_its_keys_and_groups(stage: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([stage, "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert ("  filter.bs_error.quantile=0.75" in lines) == (stage == "filter")
    assert ("  filter=off|published|strict" in lines) == (stage == "filter")
    assert ("  generator.size=256" in lines) == (stage in ("normalise", "measure", "truth", "extract", "checkpoints"))


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ffhq-uv interp", ["interpolate"]),
        ("ffhq-uv filter filter=s", ["strict"]),
        ("ffhq-uv filter interpolate.par", ["interpolate.parents="]),
        ("ffhq-uv look ou", ["out="]),
        ("ffhq-uv filter no_such", []),
    ],
)
def test_the_tab_key_knows_commands_groups_and_keys(
    typed: str, offered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion"]) == 0
    script = capsys.readouterr().out
    press = f"COMP_LINE='{typed}'; COMP_POINT=${{#COMP_LINE}}; _ffhq_uv; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    shell = subprocess.run(["bash", "-c", script + press], capture_output=True, text=True, check=True)
    assert shell.stdout.split() == offered
