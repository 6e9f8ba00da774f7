"""conf/, params.yaml and the typed configuration are one truth."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import yaml

from ffhq_uv.__main__ import main
from ffhq_uv.config import CONF, ConfigError, differences, read, recorded_text, refresh

GROUPS = sorted(path for path in CONF.glob("*/*.yaml"))


@pytest.mark.parametrize("member", GROUPS, ids=lambda path: f"{path.parent.name}={path.stem}")
def test_every_member_of_every_group_composes_to_a_valid_configuration(member: Path) -> None:
    config = read([f"{member.parent.name}={member.stem}"])
    if member.parent.name not in ("experiment", "filter", "classify", "interpolate"):
        assert getattr(config, member.parent.name).name == member.stem


@pytest.mark.parametrize("path", [*GROUPS, CONF / "config.yaml"], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_value_in_conf_has_a_comment(path: Path) -> None:
    bare = [
        line
        for line in path.read_text().splitlines()
        if ": " in line and "#" not in line and not line.lstrip().startswith(("- ", "name:", "override "))
    ]
    assert bare == []


def test_the_committed_params_are_the_composition() -> None:
    committed = (CONF.parent / "params.yaml").read_text()
    assert committed.partition("\n")[2] == recorded_text()


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("filter.bs_eror.max=3", ["filter.bs_eror", "bs_error, expression, light, valid_area_ratio"]),
        ("seed.x=1", ["'seed.x'", "seed, shard"]),
        ("filter.bs_error.max.x.y=1", ["filter.bs_error.max.x", "max, normalise, quantile"]),
        ("filtr=strict", ["'filtr'", "filter", "generator"]),
        ("filter=strct", ["filter/strct", "off", "published", "strict"]),
        ("filter.bs_error.max=abc", ["filter.bs_error.max", "number", "'abc'"]),
        ("+filter.skin=1", ["filter.skin", "no such key; there are: bs_error"]),
        ("failures.max_share=1.5", ["failures.max_share", "1.5", "less than or equal to 1"]),
    ],
)
def test_a_wrong_override_is_refused_with_what_there_is(override: str, named: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read([override])
    for words in named:
        assert words in str(caught.value)


class TestRefresh:
    def test_writes_what_conf_composes_to(self, tmp_path: Path) -> None:
        params = tmp_path / "params.yaml"
        assert refresh(path=params)
        assert yaml.safe_load(params.read_text()) == yaml.safe_load(recorded_text())
        assert differences(params) == {}

    def test_keeps_a_hand_edit_while_conf_stays_the_same(self, tmp_path: Path) -> None:
        params = edited(tmp_path)
        assert refresh(path=params)
        assert read(params=params).seed == 7
        assert differences(params) == {"seed": 7}

    def test_a_change_of_conf_is_taken_over_where_nobody_edited(self, tmp_path: Path) -> None:
        params = tmp_path / "params.yaml"
        older = recorded_text().replace("seed: 1\n", "seed: 2\n")
        params.write_text(f"# composed from conf/ {hashlib.md5(older.encode()).hexdigest()}\n{older}")
        assert refresh(path=params)
        assert read(params=params).seed == 1

    def test_a_hand_edit_is_kept_when_conf_changes_until_somebody_decides(self, tmp_path: Path) -> None:
        params = edited(tmp_path)
        params.write_text(params.read_text().replace("# composed from conf/ ", "# composed from conf/ 0"))
        before = params.read_text()
        assert not refresh(path=params)
        assert params.read_text() == before
        assert refresh("adopt", params)
        assert refresh(path=params)
        assert read(params=params).seed == 7
        assert refresh("reset", params)
        assert read(params=params).seed == 1

    def test_keeps_what_an_experiment_wrote(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        params = tmp_path / "params.yaml"
        params.write_text(recorded_text().replace("seed: 1\n", "seed: 9\n"))  # DVC writes no first line of ours
        monkeypatch.setenv("DVC_EXP_NAME", "brave-name")
        assert refresh(path=params)
        assert read(params=params).seed == 9


def edited(folder: Path) -> Path:
    """A params.yaml with another seed."""
    params = folder / "params.yaml"
    refresh(path=params)
    params.write_text(params.read_text().replace("seed: 1\n", "seed: 7\n"))
    return params


class TestStage:
    def test_a_params_file_that_a_failed_override_left_is_put_back(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        params = edited(tmp_path)
        assert main(["config"]) == 0
        before = params.read_text()
        params.write_text(before + "foo: 1\n")
        assert main(["config"]) == 2
        assert "foo: no such key" in capsys.readouterr().err
        assert params.read_text() == before
        assert main(["config"]) == 0

    def test_what_dvc_exp_run_takes_back_is_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        edited(tmp_path)
        assert main(["config"]) == 0
        assert "is kept: seed=7" in capsys.readouterr().out
        (tmp_path / "params.yaml").write_text(recorded_text())
        monkeypatch.setenv("DVC_EXP_NAME", "brave-name")
        assert main(["config"]) == 0
        assert "gone are seed=7" in capsys.readouterr().out

    def test_reset_and_adopt_decide(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        params = edited(tmp_path)
        assert main(["config", "--adopt"]) == 0
        assert read(params=params).seed == 7
        assert main(["config", "--reset"]) == 0
        assert read(params=params).seed == 1

    def test_a_device_that_is_not_here_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.chdir(tmp_path)
        params = tmp_path / "params.yaml"
        refresh(path=params)
        params.write_text(
            params.read_text().replace("name: none", "name: dpr\n  checkpoint: x.t7\n  device: nowhere:0")
        )
        assert main(["config"]) == 2
        said = capsys.readouterr().err
        assert "light.device: nowhere:0 is not here" in said
        assert "light.device=cpu" in said


def test_recorded_params_that_are_not_there_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none\.yaml: no such file; `python -m ffhq_uv config` writes params\.yaml"):
        read(params=tmp_path / "none.yaml")


def test_overrides_apply_on_top_of_recorded_params(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    refresh(path=params)
    params.write_text(params.read_text().replace("seed: 1\n", "seed: 7\n"))
    config = read(["filter.bs_error.max=2.5"], params)
    assert (config.seed, config.filter.bs_error.max) == (7, 2.5)
