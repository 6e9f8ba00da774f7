"""What is kept of a run is what the samples are, whatever happened meanwhile."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from tests.shards import injecting
from tests.shards.shards import Shard, make, shards
from tests.small_run import inside

from ffhq_uv.__main__ import main
from ffhq_uv.chain.chain import _one_by_one_if_it_fails
from ffhq_uv.chain.measurements import SCHEMA
from ffhq_uv.config import read
from ffhq_uv.faults import PassingError, check_gone, in_words, is_passing
from ffhq_uv.shards.run import running
from ffhq_uv.shards.work import Work, work_on


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ffhq_uv.shards.run.PAUSE", 0)


def run(folder: Path, maker: Callable[..., object] = make, *overrides: str) -> list[tuple[object, ...]]:
    with inside(folder), running("measure", read(["engine=serial", *overrides]), SCHEMA) as started:
        rows = started.rows(maker, shards(12, 4))
    assert rows is not None
    return rows.select("id", "bs_error", "reason").rows()


def work_of(folder: Path) -> Path:
    (work,) = (folder / "data").glob(".partial-measure-*")
    return work


@pytest.mark.parametrize("seed", range(4))
def test_faults_at_random_end_in_the_undisturbed_bytes(seed: int, tmp_path: Path) -> None:
    """In the large: python -m tests.shards.injecting."""
    injecting.plant(tmp_path / "calm")
    shutil.copytree(tmp_path / "calm", tmp_path / "undisturbed")
    undisturbed = injecting.run(tmp_path / "undisturbed")
    assert [row[1] for row in undisturbed["rows"] if row[1]] == ["missing_view:left"]
    injecting.injected(tmp_path / "calm", tmp_path / "hit", seed, undisturbed)


class Failing:
    """Makes shards, but fails the first times that it makes one with sample 5."""

    def __init__(self, error: BaseException, times: int) -> None:
        self.error, self.times = error, times

    def __call__(self, work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
        if "000005" in shard.ids and self.times:
            self.times -= 1
            raise self.error
        return make(work, shard)


MOMENT = [
    OSError(5, "Input/output error"),
    MemoryError("short"),
    RuntimeError("CUDA out of memory"),
    TimeoutError("late"),
]


@pytest.mark.slow
@pytest.mark.parametrize("error", MOMENT, ids=lambda error: type(error).__name__)
def test_a_fault_of_the_moment_is_tried_again_and_never_kept(error: Exception, tmp_path: Path) -> None:
    (tmp_path / "calm").mkdir()
    calm = run(tmp_path / "calm")
    (tmp_path / "once").mkdir()
    assert run(tmp_path / "once", Failing(error, 1)) == calm
    (tmp_path / "long").mkdir()
    with pytest.raises(PassingError, match=r"1 shards could not be made, 3 times: .*kept"):
        run(tmp_path / "long", Failing(error, 99))
    assert len(list((work_of(tmp_path / "long") / "shards").glob("*.parquet"))) == 2
    assert run(tmp_path / "long") == calm


def test_a_batch_for_which_memory_is_short_is_made_one_by_one() -> None:
    import torch

    from ffhq_uv.chain.measurements import Sample

    def draw(latents: torch.Tensor, ids: list[str], _: object) -> list[Sample]:
        if len(ids) > 1 or ids == ["c"]:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [Sample(ids[0], None)]

    samples = _one_by_one_if_it_fails(draw, torch.zeros(2, 1), ["a", "b"], [None, None])
    assert [(sample.id, sample.reason) for sample in samples] == [("a", None), ("b", None)]
    with pytest.raises(PassingError, match="c: OutOfMemoryError"):
        _one_by_one_if_it_fails(draw, torch.zeros(1, 1), ["c"], [None])


def test_reasons_are_the_same_in_every_run_and_on_every_machine() -> None:
    class Thing:
        pass

    reason = in_words(ValueError(f"{Thing()} in /mnt/disk 3/x/y.png and /home/someone/data/a.pt\n 7 of 3/4"))
    assert re.search(r"0x|/home|/mnt|\n", reason) is None
    assert in_words(ValueError("read timed out after 3.2 s at 2026-01-31 10:11:12.5, 09:08:07: 5 samples")) == (
        "error: ValueError: read timed out after … at …, …: 5 samples"
    )
    assert reason.startswith("error: ValueError: ")
    assert "a.pt 7 of 3/4" in reason
    assert not is_passing(ValueError("damaged"))


def test_what_its_folder_does_not_list_is_gone_for_good_and_anything_else_is_away(tmp_path: Path) -> None:
    root = tmp_path / "archives"
    (root / "edit/000001").mkdir(parents=True)
    (root / "edit/000001/000001_front.png").touch()
    (root / "edit/000001/000001_left.png").symlink_to(tmp_path / "mount/000001_left.png")
    (root / "unmounted").mkdir()
    check_gone(root / "edit/000001/000001_right.png", root)
    check_gone(root / "edit/000002/000002_front.png", root)
    for away in ("edit/000001/000001_front.png", "edit/000001/000001_left.png", "unmounted/000001.png"):
        with pytest.raises(PassingError, match="away"):
            check_gone(root / away, root)
    with pytest.raises(PassingError, match="away"):
        check_gone(tmp_path / "none/edit/000001.png", tmp_path / "none")


def first(folder: Path, pattern: str) -> Path:
    return min(path for path in work_of(folder).glob(pattern) if not path.name.startswith("."))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty map": lambda folder: first(folder, "*.txt").write_bytes(b""),
    "flipped byte in a map": lambda folder: flip(first(folder, "*.txt")),
    "deleted map": lambda folder: first(folder, "*.txt").unlink(),
    "cut rows": lambda folder: first(folder, "shards/*.parquet").write_bytes(b"PAR1"),
    "flipped byte in rows": lambda folder: flip(first(folder, "shards/*.parquet")),
    "other rows": lambda folder: shutil.copyfile(
        max(work_of(folder).glob("shards/*.parquet")), first(folder, "shards/*.parquet")
    ),
    "other rows and sums": lambda folder: [
        shutil.copyfile(max(work_of(folder).glob(f"shards/*.{kind}")), first(folder, f"shards/*.{kind}"))
        for kind in ("parquet", "json")
    ],
    "no sums": lambda folder: first(folder, "shards/*.json").unlink(),
    "damaged sums": lambda folder: first(folder, "shards/*.json").write_text("[]"),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_shard_that_is_not_as_it_was_is_made_again(damage: str, tmp_path: Path) -> None:
    calm = run(tmp_path)
    maps = {path: path.read_bytes() for path in work_of(tmp_path).glob("*.txt")}
    made: list[str] = []

    def counting(work: Work, shard: Shard) -> tuple[pl.DataFrame, list[Path]]:
        made.append(shard.ids[0])
        return make(work, shard)

    DAMAGE[damage](tmp_path)
    assert run(tmp_path, counting) == calm
    assert made == ["000000"]
    assert {path: path.read_bytes() for path in maps} == maps


def test_what_was_not_finished_stays_until_it_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with inside(tmp_path):
        with pytest.raises(KeyboardInterrupt), work_on("measure", "old", None):
            raise KeyboardInterrupt
        with work_on("measure", "new", None):
            pass
        with work_on("measure", "newer", None):
            pass
        (tmp_path / "data/.partial-notes-mine").mkdir()  # none of ours
        assert main(["clean"]) == 0
        told = capsys.readouterr().out
        assert ".partial-measure-old: 0 shards" in told
        assert ".partial-measure-newer: 0 shards" in told
        assert "measure-new:" not in told  # finished, and finished again by another configuration
        assert main(["clean", "remove=truth"]) == 2
        assert "there is some of measure" in capsys.readouterr().err
        assert main(["clean", "remove=measure"]) == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == [".partial-notes-mine"]


def test_fresh_forgets_the_kept_work_of_a_stage(tmp_path: Path) -> None:
    with inside(tmp_path):
        for stage in ("measure", "truth"):
            with pytest.raises(KeyboardInterrupt), work_on(stage, "key", None):
                raise KeyboardInterrupt
        (tmp_path / "dvc.yaml").touch()
        assert main(["measure", "--fresh"]) == 1  # there is nothing to measure here
    assert [path.name for path in (tmp_path / "data").glob(".partial-*-*")] == [".partial-truth-key"]


def test_a_full_disk_is_an_oserror_with_polars_too(tmp_path: Path) -> None:
    from ffhq_uv.store.files import write_table

    full = pl.exceptions.ComputeError("No space left on device (os error 28)")
    with (
        mock.patch("polars.DataFrame.write_parquet", side_effect=full),
        pytest.raises(OSError, match="No space left") as caught,
    ):
        write_table(tmp_path / "x.parquet", pl.DataFrame({"a": [1]}))
    assert caught.value.errno == 28
