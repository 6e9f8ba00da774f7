"""Identity: the spread by its formula, its interval by simulation, the encoder by what it must ignore."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.quality.identity import dct_embedding
from ffhq_uv.quality.identity_std import identity_std, identity_std_bootstrap
from ffhq_uv.quality.interval import mean_interval


def test_identity_std_of_two_opposite_axes():
    """(1, 0) and (0, 1): per dimension the values 1 and 0, whose population standard deviation is 1/2."""
    assert identity_std([[3.0, 0.0], [0.0, 0.1]]) == pytest.approx(0.5)
    assert identity_std([[3.0, 4.0], [6.0, 8.0]]) == pytest.approx(0.0, abs=1e-12)  # one direction


@given(seed=st.integers(0, 2**32), scale=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_identity_std_ignores_length_and_order(seed, scale):
    rng = np.random.default_rng(seed)
    embeddings = rng.normal(size=(20, 5)) + 1
    lengths = rng.uniform(0.1, 10, (20, 1))
    changed = (scale * lengths * embeddings)[rng.permutation(20)]
    assert identity_std(changed) == pytest.approx(identity_std(embeddings))


@pytest.mark.parametrize("embeddings", [[], [[0.0, 0.0]], [[1.0, np.nan]], [1.0, 2.0]])
def test_refuses_what_has_no_direction(embeddings):
    with pytest.raises(ValueError, match="embeddings"):
        identity_std(embeddings)


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    """200 data sets of which each has its own spread by chance: 95 % intervals, give or take."""
    rng = np.random.default_rng(7)
    axis = np.array([1.0, 0.2, -0.3])

    def people(n):
        return axis + rng.normal(size=(n, 1)) * [0.0, 0.5, 0.2]

    truth = identity_std(people(400_000))
    intervals = [np.quantile(identity_std_bootstrap(people(60), seed, 200), [0.025, 0.975]) for seed in range(200)]
    hits = [low <= truth <= high for low, high in intervals]
    assert 0.86 <= np.mean(hits) <= 0.99


def test_bootstrap_is_seeded_and_centred():
    embeddings = np.random.default_rng(0).normal(size=(30, 8)) + 0.5
    figures = identity_std_bootstrap(embeddings, 3, 100)
    assert figures.mean() == pytest.approx(identity_std(embeddings))
    assert np.array_equal(figures, identity_std_bootstrap(embeddings, 3, 100))
    assert not np.array_equal(figures, identity_std_bootstrap(embeddings, 4, 100))
    assert not identity_std_bootstrap([[1.0, 2.0]], 0).any()


def test_mean_interval_is_the_normal_one_for_many_values():
    values = np.random.default_rng(1).normal(7.0, 2.0, 4000)
    low, high = mean_interval(values, 0, resamples=2000)
    half = 1.96 * values.std() / np.sqrt(4000)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)
    assert (low, high) == mean_interval(values, 0, resamples=2000)
    with pytest.raises(ValueError, match="values"):
        mean_interval([1.0, np.nan], 0)


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    """Smooth random pictures, uint8 [4, 256, 256, 3]."""
    coarse = torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(coarse, 256, mode="bicubic", align_corners=False)
    return (40 + 160 * fine.clamp(0, 1)).byte().permute(0, 2, 3, 1)


def cosine(one, other):
    return torch.cosine_similarity(one, other, dim=-1)


def test_dct_embedding_ignores_exposure_size_and_surroundings(faces):
    embedding = dct_embedding(faces)
    assert embedding.shape == (4, 175)
    assert (cosine(embedding, dct_embedding((faces * 0.6).byte())) > 0.995).all()
    smaller = torch.nn.functional.avg_pool2d(faces.permute(0, 3, 1, 2).float(), 4)
    assert (cosine(embedding, dct_embedding(smaller.round().byte().permute(0, 2, 3, 1))) > 0.97).all()
    elsewhere = faces.clone()
    elsewhere[:, :60] = elsewhere[:, 240:] = 0
    assert torch.equal(dct_embedding(elsewhere), embedding)


def test_dct_embedding_tells_patterns_and_colours_apart(faces):
    embedding = dct_embedding(faces)
    assert cosine(embedding[:1], embedding[1:]).max() < 0.5
    redder = faces.clone()
    redder[..., 0] = (redder[..., 0] * 0.5).byte()
    luma, chroma = slice(0, 143), slice(143, None)
    assert torch.allclose(dct_embedding(redder)[:, luma], embedding[:, luma])
    assert not torch.allclose(dct_embedding(redder)[:, chroma], embedding[:, chroma], atol=0.1)


def test_dct_embedding_of_a_wave_is_that_wave():
    """A horizontal cosine of three half periods over the face stands out in the coefficient (0, 3)."""
    row0, row1, column0, column1 = 300, 900, 212, 812
    place = (torch.arange(column1 - column0) + 0.5) / (column1 - column0)
    face = torch.full((1, 1024, 1024, 3), 128.0)
    face[:, row0:row1, column0:column1] *= torch.exp(0.3 * torch.cos(3 * torch.pi * place))[:, None]
    luma = dct_embedding(face.round().byte())[0, :143]
    assert int(luma.abs().argmax()) == 3 - 1  # the constant is left out
