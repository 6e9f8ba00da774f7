"""Bad input: one clear error, or a failed sample with its reason; never a file that passes for done."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.small_run import run

from ffhq_uv.archive.writing import encode_view_latent, write_zip

LATENTS = "data/archives/dataset/ffhq-uv/face-latents/000.zip"
Change = Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]


def rewrite(path: Path, change: Change) -> None:
    """Replace a zip's members."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    write_zip(path, change(members))


def without_left(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(name, content) for name, content in members if "000003_left" not in name]


def with_nan(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    code = encode_view_latent(np.full((18, 512), np.nan, np.float32), np.zeros(17, np.float32))
    return [(name, code if "000003_front" in name else content) for name, content in members]


def truncated(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return [(name, content[: len(content) // 2] if "000003_right" in name else content) for name, content in members]


def twice(members: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    other = [(name.rsplit("/")[-1].replace("000004", "000003"), code) for name, code in members if "000004_" in name]
    return members + [(f"again/{name}", code) for name, code in other]


SMALLER = ("generator.size=64", "texture.size=64")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_left, "missing_view:left"),
        (with_nan, "latent_nonfinite"),
        (truncated, "latent_unreadable:right"),
        (twice, "duplicate_id"),
    ],
)
def test_a_bad_sample_is_counted_with_its_reason(copied: Callable[..., Path], change: Change, reason: str) -> None:
    folder = copied("data/archives")
    rewrite(folder / LATENTS, change)
    assert run(folder, "index") == [0]
    index = pl.read_parquet(folder / "data/index.parquet")
    failed = index.filter(pl.col("reason").is_not_null())
    assert failed["id"].to_list() == ["000003"]
    assert failed["reason"][0].startswith(reason)
    quarantined = pl.read_parquet(folder / "data/quarantine.parquet")
    assert quarantined.rows() == [("samples", "000003", reason.partition(":")[0], failed["reason"][0])]
    counted = json.loads((folder / "reports/index.json").read_text())["samples"]
    assert counted == {"read": 39, "not_here": 0, "quarantined": 1, "reasons": {reason.partition(":")[0]: 1}}


def test_a_failed_sample_stays_in_the_count_to_the_end(copied: Callable[..., Path]) -> None:
    folder = copied("data/archives")
    rewrite(folder / LATENTS, without_left)
    assert run(folder, "index", "normalise", "measure", "filter", overrides=SMALLER) == [0] * 4
    dropped = pl.read_parquet(folder / "data/dropped.parquet").filter(pl.col("status") == "failed")
    assert dropped.select("id", "reasons").rows() == [("000003", ["missing_view:left"])]


def test_too_many_failed_samples_stop_the_run(copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("data/archives")
    rewrite(folder / LATENTS, without_left)
    assert run(folder, "index", overrides=("failures.max_share=0.01",)) == [1]
    error = capsys.readouterr().err
    assert "index: samples: 1 of 40 failed, more than failures.max_share=0.01" in error
    assert "1 x missing_view:left" in error
    assert not (folder / "data/index.parquet").exists()
    assert not (folder / "data/latents").exists()


def test_a_corrupt_archive_is_named(copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    folder = copied("data/archives")
    content = (folder / LATENTS).read_bytes()
    (folder / LATENTS).write_bytes(content[: len(content) // 3])
    assert run(folder, "index") == [1]
    assert "face-latents/000.zip" in capsys.readouterr().err
    assert not (folder / "data/latents").exists()


def test_a_truncated_face_is_a_failed_sample(copied: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    """With recorded faces, the pictures are input too."""
    folder = copied("data/archives", "data/samples.parquet", "data/reference-index.parquet", "data/latents")
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (128, 128), "gray").save(buffer, "PNG")
    edit = folder / "data/archives/dataset_project/edit/000000"
    edit.mkdir(parents=True)
    for view in ("left", "front", "right"):
        (edit / f"000000_{view}.png").write_bytes(buffer.getvalue())
    (edit / "000000_front.png").write_bytes(buffer.getvalue()[:-40])
    assert run(folder, "measure", overrides=("generator=recorded", "failures.max_share=0.5")) == [1]
    assert "face_unreadable:front" in capsys.readouterr().err
    assert not (folder / "data/measurements.parquet").exists()
