"""YAML that is meant to do harm, or is none: one line that names the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.config import CONF
from ffhq_uv.formats.yaml_text import MOST, YamlTextError, read_yaml

BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "line 2: refuses YAML aliases"),
        ("a: [1, 2", "no YAML: .*flow sequence"),
        ("a: b: c", "no YAML: .*not allowed"),
        ("\tx: 1", "no YAML"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("<<<<<<< HEAD\nseed: 1\n=======\nseed: 2\n>>>>>>> other\n", "no YAML"),
        ("[" * 10_000, "nested more than 50 times"),
        ("a: 1\n" + "# " + "x" * MOST, "bytes"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_in_a_line(tmp_path: Path, text: str, said: str) -> None:
    (path := tmp_path / "params.yaml").write_text(text)
    with pytest.raises((YamlTextError, ValueError), match=said) as raised:
        read_yaml(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_values_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("exclude: ['*new*']  # *not an alias\nseed: 3\n")
    assert read_yaml(tmp_path / "x.yaml") == {"exclude": ["*new*"], "seed": 3}


@pytest.mark.parametrize("text", [BOMB, "name: [studio"])
def test_a_group_of_conf_that_is_no_plain_yaml_ends_in_a_line(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf/source/mine.yaml").write_text(text)
    monkeypatch.setattr("ffhq_uv.config.composition.CONF", tmp_path / "conf")
    with inside(tmp_path):
        assert main(["chain", "source=mine"]) == 2
    said = capsys.readouterr().err
    assert "conf/source/mine.yaml" in said
    assert said.count("\n") == 1
