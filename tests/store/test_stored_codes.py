"""Codes on disk: nothing is lost, and no more is stored than differs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ffhq_uv.store.codes import store, stored, whole

COUNT, BATCH = 70, 32


@pytest.fixture
def codes() -> np.ndarray:
    """Codes whose left and right follow the front, but for the yaw layers."""
    rng = np.random.default_rng(0)
    codes = np.repeat(rng.normal(size=(COUNT, 1, 18, 512)), 3, axis=1).astype(np.float32)
    codes[:, :, :4] += rng.normal(size=(COUNT, 3, 4, 512)).astype(np.float32)
    codes[3] = 0  # a sample that could not be read
    return codes


def test_codes_that_follow_their_front_take_26_of_54_rows(tmp_path: Path, codes: np.ndarray) -> None:
    path = tmp_path / "codes.npy"
    store(path, COUNT, 3, lambda: iter(np.split(codes, [BATCH, 2 * BATCH])))
    assert stored(path).shape == (COUNT, 26, 512)
    assert whole(stored(path)[[5, COUNT - 1, 3]]).tobytes() == codes[[5, COUNT - 1, 3]].tobytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["codes.npy"]


def test_one_sample_that_strays_keeps_all_whole(tmp_path: Path, codes: np.ndarray) -> None:
    codes[-1, 2, 17, 511] = np.nextafter(codes[-1, 2, 17, 511], np.inf)
    path = tmp_path / "codes.npy"
    store(path, COUNT, 3, lambda: iter(np.split(codes, [BATCH, 2 * BATCH])))
    assert whole(stored(path)).tobytes() == codes.tobytes()
