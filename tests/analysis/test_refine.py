"""Heads moved to their landmarks: closed forms against dense ones, known truths, wrong and missing landmarks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import multivariate_t

from ffhq_uv.analysis import refine, shape_error
from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.analysis.placement import Head, land
from ffhq_uv.analysis.refine import RATIOS, Refiner
from ffhq_uv.analysis.studio import StudioAnalysis, poses
from ffhq_uv.camera import Alignment
from ffhq_uv.studio.publish import normalised
from ffhq_uv.studio.render import alignment

Floats = NDArray[np.float64]
VIEWS = 3


@pytest.fixture(scope="module")
def model(studio_assets: Path) -> MorphableModel:
    return MorphableModel.load(studio_assets / "hifi3dpp_model_info.mat")


@pytest.fixture(scope="module")
def refiner(model: MorphableModel) -> Refiner:
    return Refiner(model)


def posed(model: MorphableModel, identity: torch.Tensor, side: int = 1024) -> Head:
    """A head of identity [I] in the poses of a studio person."""
    angle, translation = poses(normalised(1, 3))
    sizes = model.identity.shape[1], model.expression.shape[1]
    coefficients = identity.expand(VIEWS, sizes[0]), torch.zeros(VIEWS, sizes[1])
    return Head(*coefficients, angle, translation, [alignment(side)] * VIEWS, *torch.zeros(3, VIEWS, 1, 1).bool())


def person(model: MorphableModel, seed: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(model.identity.shape[1])).float()


def marks(model: MorphableModel, head: Head, noise: float = 0, seed: int = 0) -> Floats:
    found = land(model, head)[0][:, model.keypoints].double().numpy()
    return np.asarray(found + noise * np.random.default_rng(seed).standard_normal(found.shape))


def off(model: MorphableModel, one: Head, other: Head) -> float:
    """Median distance in the images of two heads, pixels, of the vertices near the inner landmarks."""
    near = torch.cdist(model.mean, model.mean[model.keypoints[17:]]).min(1).values < 0.15
    distance = (land(model, one)[0] - land(model, other)[0])[:, near].norm(dim=-1)
    return float(distance.median())


@pytest.mark.parametrize("seed", range(3))
def test_a_wrong_shape_comes_nearer_to_the_truth(model: MorphableModel, refiner: Refiner, seed: int) -> None:
    fitted, true = posed(model, 0 * person(model, seed)), posed(model, person(model, seed))
    before = off(model, fitted, true)
    after = [off(model, refiner(fitted, marks(model, true, noise, seed)), true) for noise in (1, 4)]
    assert after[0] < 0.5 * before
    assert after[1] < before


def test_a_wrong_pose_comes_nearer_to_the_truth(model: MorphableModel, refiner: Refiner) -> None:
    true = posed(model, person(model, 1))
    turned = replace(true, angle=true.angle + torch.tensor([0.01, -0.02, 0.01]), translation=true.translation + 0.01)
    found = refiner(turned, marks(model, true, 1.0))
    assert off(model, found, true) < 0.3 * off(model, turned, true)


def test_the_modes_that_are_left_out_hardly_count(model: MorphableModel, monkeypatch: pytest.MonkeyPatch) -> None:
    # no bases: the free-form field, which has the most modes, has to find everything
    bare = replace(model, identity=0 * model.identity, expression=0 * model.expression)
    few = Refiner(bare)
    monkeypatch.setattr(shape_error, "NEGLIGIBLE", 1e-6)
    many = Refiner(bare)
    for seed in range(3):
        other = replace(bare, mean=model.shape(person(model, seed), torch.zeros(model.expression.shape[1])))
        fitted = posed(bare, person(model, seed))
        landmarks = marks(other, fitted, 1.0, seed)
        found, whole = (land(bare, refiner(fitted, landmarks))[0] for refiner in (few, many))
        before = (land(other, fitted)[0] - land(bare, fitted)[0]).square().mean().sqrt()
        assert (found - whole).square().mean().sqrt() < 0.1 * before


def test_noisy_landmarks_do_not_move_an_exact_head(model: MorphableModel, refiner: Refiner) -> None:
    exact = posed(model, person(model, 2))
    for seed in range(4):
        found = refiner(exact, marks(model, exact, 3.0, seed))
        assert off(model, found, exact) < 0.15
        assert found.error is not None
        assert found.error.max() < 0.5


def test_the_error_is_what_it_says(model: MorphableModel, refiner: Refiner) -> None:
    fitted, true = posed(model, 0 * person(model, 5)), posed(model, person(model, 5))
    said, is_ = [], []
    for seed in range(6):
        found = refiner(fitted, marks(model, true, 2.0, seed))
        assert found.error is not None
        said.append(found.error.numpy())
        inner = model.keypoints[17:]
        distance = (land(model, found)[0] - land(model, true)[0])[:, inner].norm(dim=-1)
        is_.append(distance.square().mean(1).sqrt().numpy())
    ratio = np.mean(said) / np.mean(is_)
    assert 0.6 < ratio < 1.6


def test_a_wrong_landmark_is_not_believed(model: MorphableModel, refiner: Refiner) -> None:
    fitted, true = posed(model, 0 * person(model, 6)), posed(model, person(model, 6))
    landmarks = marks(model, true, 1.0)
    good = refiner(fitted, landmarks)
    landmarks[0, 30] += 150
    assert off(model, refiner(fitted, landmarks), good) < 1.0


def test_the_jaw_is_not_used(model: MorphableModel, refiner: Refiner) -> None:
    fitted, true = posed(model, 0 * person(model, 6)), posed(model, person(model, 6))
    landmarks = marks(model, true)
    found = refiner(fitted, landmarks)
    landmarks[:, :17] = np.nan
    again = refiner(fitted, landmarks)
    assert found.correction is not None
    assert again.correction is not None
    assert torch.equal(found.correction, again.correction)


def test_a_view_without_landmarks_keeps_its_pose(model: MorphableModel, refiner: Refiner) -> None:
    fitted, true = posed(model, 0 * person(model, 7)), posed(model, person(model, 7))
    landmarks = marks(model, true, 1.0)
    landmarks[0] = np.nan
    found = refiner(fitted, landmarks)
    torch.testing.assert_close(found.angle[0], fitted.angle[0], atol=1e-6, rtol=0)
    torch.testing.assert_close(found.translation[0], fitted.translation[0], atol=1e-6, rtol=0)
    assert off(model, found, true) < 0.6 * off(model, fitted, true)
    assert found.error is not None
    assert found.error[0] > found.error[1]  # nothing was seen of it
    none = refiner(fitted, np.full((VIEWS, 68, 2), np.nan))
    assert off(model, none, fitted) < 0.01
    assert none.error is not None
    assert none.error.isnan().all()


def test_the_face_may_have_any_size(model: MorphableModel, refiner: Refiner) -> None:
    large, small = (posed(model, 0 * person(model, 8), side) for side in (1024, 256))
    landmarks = marks(model, posed(model, person(model, 8)), 2.0)
    found, quarter = refiner(large, landmarks), refiner(small, landmarks / 4 + [0, 255 - 1023 / 4])
    assert found.correction is not None
    assert quarter.correction is not None
    torch.testing.assert_close(found.correction, quarter.correction, atol=2e-4, rtol=0)
    assert found.error is not None
    assert quarter.error is not None
    torch.testing.assert_close(found.error / 4, quarter.error, atol=1e-2, rtol=1e-2)


def test_the_slopes_are_the_derivative() -> None:
    rng = np.random.default_rng(0)
    marks, modes = 0.5 * rng.standard_normal((51, 3)), rng.standard_normal((51, 3, 4))
    turns = np.stack([np.eye(3), np.diag([-1.0, 1, -1])])
    alignments = [Alignment(1024, 1024, 0.26, 500, 520), Alignment(512, 512, 0.5, 250, 260)]
    views = refine._Views(marks, modes, turns, 0.1 * rng.standard_normal((2, 3)), alignments, 1.0)
    for off in (np.zeros(16), 0.05 * rng.standard_normal(16) / np.r_[np.ones(4), np.tile(refine.POSE, 2)]):
        slopes = views.show(off[:4], off[4:].reshape(2, 6))[1]
        for at in range(16):
            step = np.zeros(16)
            step[at] = 1e-6
            ends = [views.show(end[:4], end[4:].reshape(2, 6))[0] for end in (off + step, off - step)]
            numeric = (ends[0] - ends[1]) / 2e-6
            # turns are linearised about none, so those that are not small differ by their square
            np.testing.assert_allclose(slopes[..., at], numeric, atol=1e-3 if not off.any() else 25)


def test_the_estimate_is_the_average_over_dense_posteriors() -> None:
    rng = np.random.default_rng(1)
    slopes, weight = 300 * rng.standard_normal((40, 6)), rng.uniform(0.2, 1.5, 40)
    wanted = slopes @ (0.01 * rng.standard_normal(6)) + rng.standard_normal(40)
    log, means, covariances, noises = [], [], [], []
    for ratio in RATIOS:
        noise, state = np.diag(1 / weight), ratio**2 * np.eye(6)
        both = slopes @ state @ slopes.T + noise
        log.append(multivariate_t.logpdf(wanted, shape=refine.NOISE**2 * both, df=refine.NOISE_WEIGHT))
        gain = state @ slopes.T @ np.linalg.inv(both)
        squares = refine.NOISE_WEIGHT * refine.NOISE**2 + wanted @ np.linalg.inv(both) @ wanted
        noises.append(squares / (refine.NOISE_WEIGHT + 40))
        means.append(gain @ wanted)
        covariances.append(noises[-1] * (state - gain @ slopes @ state))
    share = np.exp(log - np.max(log))
    share /= share.sum()
    found = refine._estimate(slopes, wanted, weight)
    np.testing.assert_allclose(found.mean, share @ means, rtol=1e-8)
    np.testing.assert_allclose(found.noise, share @ noises, rtol=1e-8)
    covariance = found.directions * found.variances @ found.directions.T
    np.testing.assert_allclose(covariance, np.tensordot(share, covariances, 1), rtol=1e-6, atol=1e-14)


def test_the_studio_refines_its_own_noise_away(studio_assets: Path) -> None:
    latents = torch.from_numpy(normalised(1, 5)).float()[None]
    faces = torch.zeros(1, VIEWS, 64, 64, 3, dtype=torch.uint8)

    def analysed(noise: float, landmark_noise: float | None = None) -> torch.Tensor:
        found = StudioAnalysis(studio_assets, noise, 0, landmark_noise)(faces, latents, ["000005"])
        assert (found.error is None) == (landmark_noise is None)
        return found.xy

    exact, rough, refined = analysed(0.0), analysed(1.0), analysed(1.0, 2.0)
    assert torch.equal(analysed(1.0, 2.0), refined)
    assert (refined - exact).norm(dim=-1).median() < 0.5 * (rough - exact).norm(dim=-1).median()
    assert (analysed(0.0, 3.0) - exact).norm(dim=-1).median() < 0.15 * 64 / 1024
