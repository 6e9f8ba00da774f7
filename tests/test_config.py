"""conf/, params.yaml and the typed configuration are one truth."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ffhq_uv.config import CONF, ConfigError, read, recorded_text, refresh

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
        ("+filter.skin=1", ["filter.skin", "not permitted"]),
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
        assert refresh(params) is False
        assert yaml.safe_load(params.read_text()) == yaml.safe_load(recorded_text())

    def test_keeps_a_hand_edit_while_conf_stays_the_same(self, tmp_path: Path) -> None:
        params = tmp_path / "params.yaml"
        refresh(params)
        params.write_text(params.read_text().replace("seed: 1\n", "seed: 7\n"))
        assert refresh(params) is True
        assert read(params=params).seed == 7

    def test_a_change_of_conf_wins_over_a_hand_edit(self, tmp_path: Path) -> None:
        params = tmp_path / "params.yaml"
        params.write_text("# composed from conf/ 0\nseed: 7\n")
        assert refresh(params) is False
        assert read(params=params).seed == 1

    def test_keeps_what_an_experiment_wrote(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        params = tmp_path / "params.yaml"
        params.write_text(recorded_text().replace("seed: 1\n", "seed: 9\n"))  # DVC writes no first line of ours
        monkeypatch.setenv("DVC_EXP_NAME", "brave-name")
        assert refresh(params) is True
        assert read(params=params).seed == 9


def test_recorded_params_that_are_not_there_are_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"/none\.yaml: no such file; `python -m ffhq_uv config` writes params\.yaml"):
        read(params=tmp_path / "none.yaml")


def test_overrides_apply_on_top_of_recorded_params(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    refresh(params)
    params.write_text(params.read_text().replace("seed: 1\n", "seed: 7\n"))
    config = read(["filter.bs_error.max=2.5"], params)
    assert (config.seed, config.filter.bs_error.max) == (7, 2.5)
