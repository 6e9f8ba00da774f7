"""The tool faces draws what the other tools write; and `limits` bounds every tool that reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.small_run import SMALL, inside

from ffhq_uv.__main__ import main
from ffhq_uv.archive.containers import ArchiveError
from ffhq_uv.archive.parquet import parquet_codes

TINY = ("generator.size=32",)


def test_codes_packed_and_published_give_the_same_faces(small_run: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra publish is not installed")
    with inside(small_run):
        assert main(["codes", f"out={tmp_path / 'codes/new.npy'}", *SMALL]) == 0
        assert main(["pack", f"out={tmp_path / 'packed'}", *SMALL]) == 0
        assert main(["publish", f"out={tmp_path / 'published'}", *SMALL]) == 0
        faces = {}
        for name in ("codes", "packed", "published"):
            words = [f"latents={tmp_path / name}", f"out={tmp_path / 'faces' / name}"]
            assert main(["faces", *words, *SMALL, *TINY]) == 0
            pictures = (tmp_path / "faces" / name).rglob("*.png")
            faces[name] = {path.name: path.read_bytes() for path in pictures}
    assert len(faces["published"]) == 24 * 3
    assert faces["published"].keys() == {
        f"{id:06d}_{view}.png" for id in range(24) for view in ("left", "front", "right")
    }
    assert faces["packed"] == faces["published"]
    assert sorted(faces["codes"].values()) == sorted(faces["packed"].values())


def shard(path: Path, ids: list[object], codes: np.ndarray) -> Path:
    pl.DataFrame({"id": ids, "image": [b"png"] * len(ids), "codes": codes.tolist()}).write_parquet(path)
    return path


def test_shards_are_read_a_part_at_a_time_with_their_ids(tmp_path: Path) -> None:
    codes = np.random.default_rng(0).standard_normal((70, 1, 2, 512), np.float32)
    path = shard(tmp_path / "x.parquet", [f"{id:06d}" for id in range(70)], codes)
    parts = list(parquet_codes(path))
    assert [len(ids) for ids, _ in parts] == [64, 6]
    assert parts[1][0][-1] == "000069"
    np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), codes)


def test_shards_that_hold_no_codes_are_named(tmp_path: Path) -> None:
    code = np.zeros((2, 1, 2, 512), np.float32)
    whole = shard(tmp_path / "whole.parquet", ["a", "b"], code).read_bytes()
    (tmp_path / "torn.parquet").write_bytes(whole[:-20])
    (tmp_path / "page.parquet").write_bytes(b"<!DOCTYPE html>")
    shard(tmp_path / "numbers.parquet", [1, 2], code)
    shard(tmp_path / "nameless.parquet", ["a", None], code)
    shard(tmp_path / "narrow.parquet", ["a", "b"], code[..., :9])
    pl.DataFrame({"id": ["a", "b"], "codes": [[[[1.0]]], [[[1.0], [2.0]]]]}).write_parquet(tmp_path / "uneven.parquet")
    pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "maps.parquet")
    for path in tmp_path.iterdir():
        if path.name != "whole.parquet":
            with pytest.raises(ArchiveError, match=path.name):
                list(parquet_codes(path))


def test_an_id_that_leaves_the_folder_draws_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard(tmp_path / "x.parquet", ["../../out"], np.zeros((1, 3, 18, 512), np.float32))
    words = ["faces", f"latents={tmp_path}", f"out={tmp_path / 'out'}", "generator=recorded"]
    with inside(tmp_path):
        assert main(words) == 1
    assert "'../../out' is no id" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "pack out={out} limits.pt=1000",
        "publish out={out} limits.pt=1000",
        "export sample=000000 out={out} limits.png=1000",
        "export sample=000003 data=ffhq-uv out={out} limits.png=1000",
        "transfer maps=data/ffhq-uv-interpolate/uv-maps target=head.obj out={out} limits.png=1000",
        "faces latents=data/ffhq-uv-interpolate/face-latents out={out} limits.pt=1000",
        "bs-error maps=data/ffhq-uv-interpolate/uv-maps limits.png=1000",
    ],
)
def test_limits_bound_every_tool_that_reads(
    words: str, small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with inside(small_run):
        assert main([*words.format(out=tmp_path).split(), *SMALL]) == 1
    said = capsys.readouterr().err
    assert "`limits` in the configuration bounds it" in said
    assert "at most 1000" in said
