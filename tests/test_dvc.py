"""DVC and Hydra are one: what ``-S`` says is what the stages run, and no more runs than has to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dvc.api
import polars as pl
import pytest
import yaml
from tests.small_run import SMALL
from tests.tracked import copy_tracked

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked files of this project in a repository of their own, run once on the small studio."""
    project = tmp_path_factory.mktemp("project")
    copy_tracked(project)
    call(project, "git", "init", "--quiet")
    call(project, "git", "config", "user.name", "test")
    call(project, "git", "config", "user.email", "test@example.org")
    call(project, "git", "add", "--all")
    call(project, "git", "commit", "--quiet", "--message", "as it is")
    experiment(project)
    return project


def call(project: Path, *command: str) -> str:
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project / "src"),
    }
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def experiment(project: Path, *overrides: str) -> str:
    settings = [word for override in [*SMALL, *overrides] for word in ("-S", override)]
    return call(project, "dvc", "exp", "run", *settings)


def kept(project: Path) -> int:
    found = json.loads(call(project, "dvc", "metrics", "show", "--json"))
    return int(found[""]["data"]["metrics/FFHQ-UV.json"]["data"]["kept"])


def test_a_tighter_bound_reruns_the_filter_and_what_follows_only(project: Path) -> None:
    """Nor is another number of workers a reason to measure again."""
    before = kept(project)
    output = experiment(project, "filter.bs_error.max=1.9", "engine.workers=2")
    ran = {stage for stage in ("pull", "index", "measure", "filter") if f"Running stage '{stage}'" in output}
    assert ran == {"filter"}
    assert kept(project) < before
    recorded = yaml.safe_load((project / "params.yaml").read_text())
    assert (recorded["filter"]["bs_error"]["max"], recorded["engine"]["workers"]) == (1.9, 2)


def test_experiments_are_compared_in_what_they_changed(project: Path) -> None:
    header, _, *rows = call(project, "python", "-m", "ffhq_uv", "experiments").splitlines()
    assert [cell.strip() for cell in header.split("|")[1:-1]] == [
        "experiment",
        "max",
        "kept",
        "UV-maps",
        "ID std %",
        "BS error",
    ]
    assert any("1.9" in row for row in rows)


def test_the_quality_table_is_what_dvc_shows_and_a_plain_run_leaves_git_alone(project: Path) -> None:
    shown = json.loads(call(project, "dvc", "metrics", "show", "--json"))[""]["data"]
    assert {path: set(found["data"]) for path, found in shown.items()} == {
        "metrics/FFHQ.json": {"ID std %"},
        "metrics/FFHQ-UV.json": {"BS error", "ID std %", "UV-maps", "kept"},
        "metrics/FFHQ-UV-Interpolate.json": {"BS error", "ID std %", "UV-maps"},
    }
    printed = call(project, "dvc", "metrics", "show")
    assert len(printed.splitlines()) == 4
    assert max(map(len, printed.splitlines())) <= 80
    call(project, "git", "add", "--all")
    call(project, "git", "commit", "--quiet", "--message", "results")
    call(project, "dvc", "repro", "--force", "--single-item", "measure")
    assert call(project, "git", "status", "--short") == ""


def test_two_runs_are_compared_in_a_few_lines_and_plots_are_drawn(project: Path) -> None:
    shown = call(project, "dvc", "metrics", "diff", "--all").splitlines()
    assert len(shown) <= 9
    assert max(map(len, shown)) <= 100
    call(project, "dvc", "plots", "show")
    assert (project / "dvc_plots/index.html").stat().st_size > 0
    shutil.rmtree(project / "dvc_plots")


def test_others_get_the_data_set_from_a_remote(project: Path, tmp_path: Path) -> None:
    call(project, "dvc", "remote", "add", "--default", "store", str(tmp_path / "store"))
    call(project, "dvc", "push", "data/ffhq-uv-interpolate", "data/kept.parquet")
    call(project, "git", "commit", "--quiet", "--all", "--message", "a remote")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    call(theirs, "dvc", "get", str(project), "data/ffhq-uv-interpolate", "--out", "got")
    made = sorted(path.name for path in (project / "data/ffhq-uv-interpolate").rglob("*.png"))
    assert sorted(path.name for path in (theirs / "got").rglob("*.png")) == made
    call(theirs, "git", "init", "--quiet")
    call(theirs, "dvc", "init", "--quiet")
    call(theirs, "dvc", "import", "--quiet", str(project), "data/ffhq-uv-interpolate", "--out", "imported")
    assert (theirs / "imported.dvc").exists()
    assert sorted(path.name for path in (theirs / "imported").rglob("*.png")) == made
    with dvc.api.open("data/kept.parquet", str(project), mode="rb") as kept:
        assert pl.read_parquet(kept.read())["id"].to_list()
    shown = dvc.api.metrics_show(repo=str(project))  # by paths from wherever it is asked
    assert any(name.endswith("metrics/FFHQ-UV.json:BS error") for name in shown)


def test_another_filter_is_tried_where_the_tables_are_and_the_archives_are_not(project: Path) -> None:
    away = (project / "data/archives").rename(project.parent / "archives")
    try:
        settings = [word for override in [*SMALL, "filter=strict"] for word in ("-S", override)]
        ran = call(project, "dvc", "exp", "run", "--allow-missing", *settings, "classify")
        assert "Running stage 'filter'" in ran
        assert "Running stage 'index'" not in ran
    finally:
        away.rename(project / "data/archives")
        call(project, "git", "checkout", "--", ".")
        call(project, "dvc", "checkout")


def test_repro_after_an_experiment_has_nothing_to_do(project: Path) -> None:
    assert "up to date" in call(project, "dvc", "repro")


def test_a_change_of_conf_reruns_what_depends_on_it(project: Path) -> None:
    path = project / "conf/interpolate/linear.yaml"
    text = path.read_text()
    path.write_text(text.replace("record_parents: false", "record_parents: true"))
    status = json.loads(call(project, "dvc", "status", "--json"))
    path.write_text(text)
    assert set(status) == {"config"}
