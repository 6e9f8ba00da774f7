"""The command line: help that helps, errors on one line, exit codes that scripts can use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ffhq_uv.__main__ import COMMANDS, main


def test_help_lists_every_command_and_how_to_override(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0
    assert all(command in shown for command in COMMANDS)
    assert "filter.bs_error.max=" in shown


def test_every_command_has_a_stage_file() -> None:
    stages = {path.stem for path in (Path(__file__).parents[1] / "src/ffhq_uv/stages").glob("*.py")}
    assert set(COMMANDS) <= stages


def test_a_misspelt_key_names_the_keys_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", "filter.bs_eror.max=3"]) == 2
    assert "bs_error, expression, valid_area_ratio" in capsys.readouterr().err


def test_a_missing_input_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["table"]) == 1
    assert capsys.readouterr().err == "ffhq_uv table: metrics/quality.json: not there yet; `dvc repro` makes it\n"


def test_the_configuration_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", "--show", "filter=strict", "seed=7"]) == 0
    shown = capsys.readouterr().out
    assert "seed: 7" in shown
    assert "quantile: 0.5" in shown


def test_the_real_archives_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pull", "source=ffhq_uv"]) == 2
    assert "source.path=/path/to/FFHQ-UV" in capsys.readouterr().err
    assert not (tmp_path / "data/archives").exists()
