"""The same samples out of folders, Parquet and tars, one by one and through a DataLoader's workers."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.publish.data_set import SIZE, rows, write_run
from tests.small_run import inside
from torch.utils.data import DataLoader

from ffhq_uv import FaceTextures
from ffhq_uv.__main__ import main

Samples = dict[str, tuple[np.ndarray, np.ndarray]]
KINDS = ("folders", "shards", "webp", "tars")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Path], Samples]:
    """A data set in three ways, and its samples."""
    pytest.importorskip("pyarrow", reason="the extra publish is not installed")
    folder = tmp_path_factory.mktemp("run")
    samples = write_run(folder)
    with inside(folder):
        assert main(["publish", "out=shards", "engine=serial"]) == 0
        assert main(["publish", "out=webp", "maps=webp", "engine=serial"]) == 0
        assert main(["pack", "out=tars"]) == 0
    return {kind: folder / kind for kind in KINDS} | {"folders": folder / "data/ffhq-uv-interpolate"}, samples


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_what_was_written(stored: tuple[dict[str, Path], Samples], kind: str) -> None:
    places, samples = stored
    data = FaceTextures(places[kind])
    assert len(data) == len(samples)
    assert data.ids == sorted(samples)
    assert set(data.columns) == {"image", "codes", *rows(1)[0]}
    for row, expected in enumerate(rows(len(samples))):
        found = data[row]
        uv_map, codes = samples[found["id"]]
        assert found["image"].dtype == torch.uint8
        np.testing.assert_array_equal(found["image"].permute(1, 2, 0).numpy(), uv_map)
        np.testing.assert_array_equal(found["codes"].numpy(), codes)
        for name, value in expected.items():
            if value is None:
                assert found[name] == "" or np.isnan(found[name])
            else:
                assert found[name] == value
    assert data[-1]["id"] == data.ids[-1]
    with pytest.raises(IndexError):
        data[len(samples)]


@pytest.mark.parametrize("kind", KINDS)
def test_workers_read_the_same_batches(stored: tuple[dict[str, Path], Samples], kind: str) -> None:
    places, samples = stored
    data = FaceTextures(places[kind])
    data[3]  # opens files, whose place workers must not share
    found = [batch for _ in range(3) for batch in DataLoader(data, batch_size=6, num_workers=2)]
    assert [id for batch in found for id in batch["id"]] == 3 * sorted(samples)
    for batch in found:
        assert batch["image"].shape[1:] == (3, SIZE, SIZE)
        for id, image, codes in zip(batch["id"], batch["image"], batch["codes"], strict=True):
            np.testing.assert_array_equal(image.permute(1, 2, 0).numpy(), samples[id][0])
            np.testing.assert_array_equal(codes.numpy(), samples[id][1])


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_chosen_and_an_instance_can_be_sent(stored: tuple[dict[str, Path], Samples], kind: str) -> None:
    data = FaceTextures(stored[0][kind], columns=["age", "codes"])
    data[0]
    sent = pickle.loads(pickle.dumps(data))
    for dataset in (data, sent):
        assert set(dataset[5]) == {"age", "codes"}
        assert dataset[5]["age"] == 25.5
    with pytest.raises(ValueError, match="no column hair; there are id, image, codes"):
        FaceTextures(stored[0][kind], columns=["hair"])


def test_published_archives_are_read_as_they_are(stored: tuple[dict[str, Path], Samples], tmp_path: Path) -> None:
    """Without metadata.jsonl: what meta-info.json tells."""
    for name in ("uv-maps", "face-latents", "meta-info.json"):
        (tmp_path / name).symlink_to(stored[0]["folders"] / name)
    data = FaceTextures(tmp_path)
    assert set(data.columns) == {"id", "image", "codes", "gender", "age", "beard"}
    assert data[2]["gender"] == 1


def test_a_damaged_picture_and_no_data_set_are_named(stored: tuple[dict[str, Path], Samples], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no data set; expected uv-maps/"):
        FaceTextures(tmp_path)
    (tmp_path / "uv-maps").mkdir()
    (tmp_path / "uv-maps/000001.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="000001: no PNG file"):
        FaceTextures(tmp_path, columns=["image"])[0]
    (tmp_path / "broken.tar").write_bytes(b"no tar" * 1000)
    with pytest.raises(ValueError, match=r"broken\.tar: no readable tar"):
        FaceTextures(tmp_path)
