"""What `doctor` says of the stages is true."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.small_run import inside

from ffhq_uv.checkpoints.condition import Condition, examine
from ffhq_uv.checkpoints.needs import choices, chosen, folders, published
from ffhq_uv.checkpoints.published import Published
from ffhq_uv.checkpoints.readiness import readiness
from ffhq_uv.config import read
from ffhq_uv.store import files

ALL = {"dataset/ffhq-uv/face-latents": 5, "dataset/ffhq-uv/meta-info.json": 5, "dataset_project/latents": 7}


def states(*overrides: str) -> dict[str, str]:
    config = read(overrides)
    conditions = [condition(file, choices(config), folders(config)) for file in published(config)]
    lines = list(readiness(config, choices(config), folders(config), conditions))[1:]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines}


def condition(file: Published, asked: frozenset[str], places: Mapping[str, Path]) -> Condition:
    """What `examine` says; of a package's file, which no test touches, it is asked once."""
    if file.used(places) == file.at(places):
        return examine(file, asked, places)
    return replace(of_package(file), needed=chosen(file, asked))


@functools.cache
def of_package(file: Published) -> Condition:
    return examine(file, (), {file.folder: Path("none")})


def came(samples: dict[str, int]) -> None:
    files.write_json(files.MANIFEST, {"samples": samples, "files": []})


def test_a_fresh_clone_can_run_everything(tmp_path: Path) -> None:
    with inside(tmp_path):
        found = states()
    assert found["pull"] == "can run"
    assert {state for stage, state in found.items() if stage != "pull"} == {"can run after pull"}


@pytest.mark.slow
def test_without_a_source_everything_waits_for_pull(tmp_path: Path) -> None:
    with inside(tmp_path):
        found = states("experiment=ffhq_uv", "source.url=null")
        assert found["pull"].startswith("lacks source.url")
        assert found["index"] == found["classify"] == "waits for pull"
        for overrides in (["source.url=/somewhere"], []):  # the mirror is a source, too
            assert states("experiment=ffhq_uv", *overrides)["index"] == "can run after pull"
        assert "files marked *" in states("experiment=ffhq_uv", "source.url=/x", "checkpoints=/none")["measure"]


def test_maps_and_meta_info_alone_are_not_enough(tmp_path: Path) -> None:
    """Everything is measured on faces, and faces are drawn from codes."""
    with inside(tmp_path):
        came({"dataset/ffhq-uv/uv-maps": 5, "dataset/ffhq-uv/meta-info.json": 5})
        found = states()
    assert "lacks the samples' codes" in found["index"]
    assert found["filter"] == "waits for index"


def test_the_people_before_are_noted_and_not_needed(tmp_path: Path) -> None:
    with inside(tmp_path):
        came({name: count for name, count in ALL.items() if name != "dataset_project/latents"})
        found = states()
        assert found["index"] == "can run"
        assert "dataset_project/latents.zip" in found["Note:"]
        came(ALL)
        assert "Note:" not in states()


@pytest.mark.parametrize(("part", "stage"), [("latents", "index"), ("attributes", "index"), ("lights", "normalise")])
def test_from_the_projects_files_no_published_codes_are_asked_for(tmp_path: Path, part: str, stage: str) -> None:
    project = {f"dataset_project/{name}": 7 for name in ("latents", "attributes", "lights")}
    with inside(tmp_path):
        came(project)
        found = states("experiment=from_project_mini")
        assert found["index"] == "can run"
        assert "dataset_project" not in found["normalise"]
        came({name: count for name, count in project.items() if not name.endswith(part)})
        assert f"dataset_project/{part}" in states("experiment=from_project_mini")[stage]


@pytest.mark.parametrize("part", ["dataset/ffhq-uv/face-latents", "dataset/ffhq-uv/meta-info.json"])
def test_each_archive_that_did_not_come_is_named(tmp_path: Path, part: str) -> None:
    with inside(tmp_path):
        came({name: count for name, count in ALL.items() if name != part})
        assert part in states()["index"]
        came(ALL)
        found = states()
    assert found["index"] == "can run"
    assert found["measure"].startswith("lacks 13 of the files marked * above (hifi3dpp_model_info.mat, ...)")
    assert found["truth"] == found["measure"]
    assert found["filter"] == "waits for measure"


def test_one_missing_file_is_named_without_more(small_run: Path, tmp_path: Path) -> None:
    with inside(tmp_path):
        shutil.copytree(small_run / "data/archives/topo_assets", files.TOPO_ASSETS)
        came(ALL)
        assert states()["measure"] == "can run after index"
        found = states("identity=onnx", "identity.checkpoint=/none/encoder.onnx")
    assert found["measure"].startswith("lacks 1 of the files marked * above (/none/encoder.onnx)")


@pytest.mark.slow
def test_a_package_that_two_choices_need_together_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = {"analysis=recorded with identity=arcface": (("no_such_package",), "landmarks")}
    monkeypatch.setattr("ffhq_uv.checkpoints.readiness.PACKAGES", together)
    needs = "no_such_package (pip install -e '.[landmarks]')"
    with inside(tmp_path):
        came(ALL)
        assert needs in states("analysis=recorded", "identity=arcface")["measure"]
        assert needs not in states("identity=arcface")["measure"]


def test_what_is_done_is_not_asked_for_again(tmp_path: Path) -> None:
    with inside(tmp_path):
        came(ALL)
        for made in (files.INDEX, files.SAMPLES, files.MEASUREMENTS):
            made.write_bytes(json.dumps(None).encode())
        found = states()
    assert found["index"] == "can run"
