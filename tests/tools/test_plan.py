"""The plan's arithmetic: what a sample costs, and what that makes for the whole run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.small_run import SMALL, inside

from ffhq_uv.__main__ import main
from ffhq_uv.chain.quicker import Option, quicker
from ffhq_uv.config import read
from ffhq_uv.tools.plan import Cost, between, rates, report, shares, where


def line(shard: str, worker: str, began: float, seconds: float, samples: int = 2) -> dict[str, object]:
    return {"shard": f"{shard}-000000-abc", "worker": worker, "began": began, "seconds": seconds, "samples": samples}


def test_a_workers_first_shard_does_not_count() -> None:
    log = [
        line("ffhq-uv", "b", 0.1, 8),
        line("ffhq-uv", "a", 0, 9),
        line("ffhq-uv", "a", 9, 3),
        line("reference", "b", 8, 1),
        line("reference", "b", 9, 2),
    ]
    each, busy = rates(log, workers=2)
    assert each == {"ffhq-uv": 1.5, "reference": 0.75}
    assert busy == (6 * 1.5 + 4 * 0.75) / 2


def test_a_data_set_of_first_shards_only_is_taken_as_it_is() -> None:
    assert rates([line("ffhq-uv", "a", 0, 4)], workers=1)[0] == {"ffhq-uv": 2}


def test_the_plan_adds_up() -> None:
    calibrated = {
        1: {"measure": Cost(5, {"ffhq-uv": 1.0, "reference": 0.5}), "extract": Cost(5, {"new": 1.0}, 1e6)},
        4: {"measure": Cost(6, {"ffhq-uv": 1.6, "reference": 0.8}), "extract": Cost(6, {"new": 1.6}, 1e6)},
    }
    assert between(calibrated, "extract", 3).each["new"] == pytest.approx(1.4)
    assert between(calibrated, "extract", 4).seconds({"new": 1000}, 4) == pytest.approx(5 + 400)
    counts = {"pull": {"ffhq-uv": 50}, "measure": {"ffhq-uv": 100, "reference": 50}, "extract": {"new": 7200}}
    lines = list(report(read(), counts, None, calibrated))
    assert lines[2].startswith("| measure | 150 | 2.2 min | ")  # 5 + 100 * 1 + 50 * 0.5
    assert lines[3].startswith("| extract | 7,200 | 2.0 h | 72.1 min |")
    assert "| 7.2 GB |" in lines[3]
    assert "NOT ENOUGH" not in lines[5]
    assert not any(line.startswith("| pull") for line in lines)
    assert any(line.startswith("Left out: truth") for line in lines)


def test_what_the_time_goes_into_adds_up_without_a_workers_first_shard() -> None:
    first, second = line("a", "a", 0, 9), line("a", "a", 9, 4)
    first["spans"] = [["generate", 0, 9]]
    second["spans"] = [["generate", 9, 10], ["analyse", 10, 12], ["generate", 12, 13]]
    assert shares([first, second]) == {"generate": 0.5, "analyse": 0.5}
    assert shares([first]) == {"generate": 1}
    assert shares([line("a", "a", 0, 9)]) == {}


def test_options_that_shorten_a_phase_are_named_with_what_they_gain() -> None:
    cost = Cost(5, {"new": 1.0}, shares={"generate": 0.75, "analyse": 0.248, "encode": 0.002})
    told = list(where({"extract": cost}, [Option("generator.precision=bfloat16", "generate", 2.14)]))
    assert told == [
        "A sample's time in extract: generate 75%, analyse 25%.",
        "generator.precision=bfloat16 would shorten generate: convolutions are 2.1x as fast here.",
    ]


def test_only_options_that_are_not_taken_are_tried() -> None:
    """On a processor without tiles there is none for the analysis; the studio has no networks at all."""
    assert not list(quicker(read()))
    words = ["generator=stylegan2", "generator.checkpoint=none.pkl", "analysis=deep3d"]
    precise = {option.words for option in quicker(read([*words, "generator.compile=true"]))}
    assert precise <= {"generator.precision=bfloat16", "analysis.precision=bfloat16"}
    rounded = [*words, "generator.compile=true", "generator.precision=bfloat16", "analysis.precision=bfloat16"]
    assert not list(quicker(read(rounded)))


@pytest.mark.slow
def test_the_small_studio_is_planned_on_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The calibration is local whatever the engine, so Dask need not be there."""
    words = [word for word in SMALL if not word.startswith(("engine", "generator", "texture"))]
    words += ["generator.size=64", "texture.size=64"]
    with inside(tmp_path):
        assert main(["plan", *words, "engine=dask", "engine.address=tcp://nowhere:1", "engine.workers=1"]) == 0
    said = capsys.readouterr()
    rows = {
        row[0]: row[1:]
        for row in re.findall(r"^\| (\w+) \| ([\d,]*) \| ([\d.]+) \w+ \| ([\d.]+) \w+ \|$", said.out, re.M)
    }
    assert {stage: row[0] for stage, row in rows.items()} == {
        "pull": "40",
        "measure": "52",
        "truth": "40",
        "extract": "24",
    }
    assert all(float(seconds) > 0 for _, seconds, _ in rows.values())
    assert all(float(disk) > 0 for stage, (_, _, disk) in rows.items() if stage != "truth")
    assert list(tmp_path.iterdir()) == []


def test_checkpoints_are_found_from_the_calibration(
    copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the archives, where `experiment=ffhq_uv` has them, and beside the project."""
    folder = copied("data/archives", "data/latents", "data/index.parquet", "data/reference-index.parquet")
    (folder / "mine.pkl").touch()
    with inside(folder):
        assert main(["plan", "experiment=ffhq_uv", "generator.checkpoint=mine.pkl"]) == 1
    said = capsys.readouterr().err
    assert "the calibration of measure failed" in said
    assert f"not there: {folder}/data/archives/checkpoints/" in said
    assert "mine.pkl" not in said
