"""Mixing codes: against the formula, by the spread it keeps, and bit for bit between the views."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.selection.interpolate import draw_weights
from ffhq_uv.selection.mix import category_means, mix
from ffhq_uv.selection.parents import draw_parents
from ffhq_uv.store.rows import follows_front, pack, unpack


def published_like(n: int, seed: int, width: int = 512) -> np.ndarray:
    """Codes float32 [n, 3, 18, width] whose left and right differ from front only in layers 0-3."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(rng.normal(size=(n, 1, 18, width)).astype(np.float32), 3, axis=1)
    codes[:, [0, 2], :4] += rng.normal(size=(n, 2, 4, width)).astype(np.float32)
    return codes


def test_formula():
    codes = np.random.default_rng(0).normal(size=(5, 3, 18, 8)).astype(np.float32)
    rows, weights = np.array([[0, 3], [4, 1]]), np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
    linear = mix(codes, rows, weights)
    assert linear[0] == pytest.approx(0.25 * codes[0] + 0.75 * codes[3], abs=1e-6)

    means = np.stack([codes.mean(0), codes[:2].mean(0)])
    spread = mix(codes, rows, weights, method="variance_preserving", means=means, groups=np.array([1, 0]))
    for row, mean in enumerate((means[1], means[0])):
        factor = np.sqrt((weights[row].astype(float) ** 2).sum())
        assert spread[row] == pytest.approx(mean + (linear[row] - mean) / factor, abs=1e-5)


@pytest.mark.parametrize(("parents", "weights"), [(2, "uniform"), (2, "half"), (3, "uniform")])
def test_variance_preserving_keeps_each_dimensions_spread_and_linear_loses_it(parents, weights):
    """1,200 people of a category with 64 dimensions of very different mean and spread, 6,000 new ones."""
    n, k = 1200, 6000
    rng = np.random.default_rng(1)
    codes = (rng.normal(size=64) * 5 + rng.gamma(2, size=(n, 64)) * rng.uniform(0.1, 3, 64)).astype(np.float32)
    rows = draw_parents(n, k, parents, rng)
    mixture = draw_weights(k, parents, rng, weights)
    means = category_means(codes, np.zeros(n, int), 1)

    kept = mix(codes, rows, mixture, method="variance_preserving", means=means, groups=np.zeros(k, int))
    assert kept.std(axis=0) == pytest.approx(codes.std(axis=0), rel=0.05)
    assert kept.mean(axis=0) == pytest.approx(codes.mean(axis=0), abs=0.1)

    shrunk = mix(codes, rows, mixture).std(axis=0) / codes.std(axis=0)
    left = {(2, "uniform"): 2 / 3, (2, "half"): 1 / 2, (3, "uniform"): 1 / 2}[parents, weights] ** 0.5
    assert shrunk == pytest.approx(left, rel=0.05)


@given(st.integers(0, 2**32), st.integers(2, 4), st.sampled_from(["linear", "variance_preserving"]))
@settings(max_examples=15, deadline=None)
def test_views_stay_equal_bit_for_bit_and_packing_commutes(seed, parents, method):
    rng = np.random.default_rng(seed)
    codes = published_like(12, seed, width=16)
    rows, weights = draw_parents(12, 9, parents, rng), draw_weights(9, parents, rng)
    groups = rng.integers(0, 2, 12)
    groups[:2] = 0, 1
    of_recipes = rng.integers(0, 2, 9)
    means = category_means(codes, groups, 2)

    mixed = mix(codes, rows, weights, method=method, means=means, groups=of_recipes)
    assert follows_front(mixed).all()
    packed = pack(codes)
    of_packed = mix(packed, rows, weights, method=method, means=category_means(packed, groups, 2), groups=of_recipes)
    assert unpack(of_packed).tobytes() == mixed.tobytes()


@pytest.mark.parametrize("method", ["linear", "variance_preserving"])
def test_batches_of_a_memory_map_give_the_same_bytes(tmp_path, method):
    codes = published_like(20, 3, width=32)
    np.save(tmp_path / "codes.npy", codes)
    mapped = np.load(tmp_path / "codes.npy", mmap_mode="r")
    rng = np.random.default_rng(4)
    rows, weights, groups = draw_parents(20, 33, 2, rng), draw_weights(33, 2, rng), rng.integers(0, 3, 33)
    means = category_means(mapped, np.arange(20) % 3, 3)
    assert means.tobytes() == category_means(codes, np.arange(20) % 3, 3).tobytes()
    whole = mix(codes, rows, weights, method=method, means=means, groups=groups)
    for size in (1, 7, 100):
        out = np.full_like(whole, np.nan)
        for part in (slice(start, start + size) for start in range(0, 33, size)):
            mix(mapped, rows[part], weights[part], method=method, means=means, groups=groups[part], out=out[part])
        assert out.tobytes() == whole.tobytes()


def test_a_map_that_may_be_written_to_keeps_what_was_written(tmp_path):
    np.save(tmp_path / "codes.npy", np.zeros((4, 8), np.float32))
    changed = np.load(tmp_path / "codes.npy", mmap_mode="c")
    changed[:] = 1
    mix(changed, np.array([[0, 1]]), np.full((1, 2), 0.5, np.float32))
    assert (changed == 1).all()


def test_means_are_of_each_category_only():
    codes = np.arange(12, dtype=np.float32).reshape(4, 3)
    means = category_means(codes, np.array([1, -1, 1, 0]), 3)
    assert means[0].tolist() == codes[3].tolist()
    assert means[1].tolist() == [3.0, 4.0, 5.0]
    assert np.isnan(means[2]).all()
    with pytest.raises(ValueError, match="groups"):
        category_means(codes, np.array([0, 1, 2, 3]), 3)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"method": "slerp"}, "slerp"),
        ({"method": "variance_preserving"}, "means"),
        ({"method": "variance_preserving", "means": np.zeros((1, 4), np.float32), "groups": np.zeros(3, int)}, "group"),
        ({"method": "variance_preserving", "means": np.zeros((1, 3), np.float32), "groups": np.zeros(1, int)}, "means"),
        ({"out": np.zeros((1, 5), np.float32)}, r"out \(1, 5\)"),
        ({"out": np.zeros((1, 8), np.float32)[:, ::2]}, "contiguous"),
    ],
)
def test_refuses(options, named):
    with pytest.raises(ValueError, match=named):
        mix(np.zeros((2, 4), np.float32), np.array([[0, 1]]), np.full((1, 2), 0.5, np.float32), **options)


@pytest.mark.parametrize("row", [-1, 2])
def test_refuses_parents_and_categories_that_are_not_there(row):
    codes, half = np.zeros((2, 4), np.float32), np.full((1, 2), 0.5, np.float32)
    with pytest.raises(IndexError, match="rows"):
        mix(codes, np.array([[0, row]]), half)
    with pytest.raises(IndexError, match="groups"):
        mix(codes, np.array([[0, 1]]), half, method="variance_preserving", means=codes, groups=np.array([row]))


def test_a_single_stray_bit_is_found_and_not_lost():
    codes = published_like(3, 0, width=16)
    assert follows_front(codes).tolist() == [True] * 3
    assert unpack(pack(codes)).tobytes() == codes.tobytes()
    codes[1, :, 9, 5] = 0.0
    codes[1, 2, 9, 5] = -0.0
    assert follows_front(codes).tolist() == [True, False, True]
    with pytest.raises(ValueError, match="row 1"):
        pack(codes)
