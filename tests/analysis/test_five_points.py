"""The five points by which faces are aligned: each finder against known or recorded landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ffhq_uv.analysis.alignment import aligned_points, five_points
from ffhq_uv.analysis.five_points import DetectedPoints, RecordedPoints, StudioPoints
from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.analysis.studio import StudioAnalysis
from ffhq_uv.geometry import FRONT, VIEWS
from studio_landmarks import Faces

pytestmark = pytest.mark.slow


def truth(strangers: Faces) -> torch.Tensor:
    return five_points(torch.from_numpy(strangers.landmarks[:, FRONT]))


def test_the_studio_knows_its_peoples_points(strangers: Faces, studio_assets: Path) -> None:
    find = StudioPoints(StudioAnalysis(studio_assets, noise=0.0, seed=0))
    found = find(strangers.faces, strangers.latents, strangers.ids)
    assert found.reasons == found.notes == (None,) * 4
    torch.testing.assert_close(found.xy, truth(strangers), atol=1e-3, rtol=0)
    alone = find(strangers.faces[:, 1:2], strangers.latents[:, 1:2], strangers.ids)
    torch.testing.assert_close(alone.xy, found.xy)


def test_detected_points_are_near_and_others_are_refused_or_guessed(landmark_model: Path, strangers: Faces) -> None:
    faces = strangers.faces.clone()
    faces[2, FRONT] = 127
    # a model trained on the studio's landmarks marks them where they are
    folder = landmark_model.parents[1]
    found = DetectedPoints(folder, correction="none")(faces, strangers.latents, strangers.ids)
    assert found.reasons == (None, None, "no_landmarks:front", None)
    good = [0, 1, 3]
    assert (found.xy[good] - truth(strangers)[good]).norm(dim=-1).mean() < 0.04 * 256
    guessed = DetectedPoints(folder, "mean")(faces, strangers.latents, strangers.ids)
    assert guessed.notes == (None, None, "landmarks_guessed:front", None)
    assert guessed.reasons == (None,) * 4
    np.testing.assert_allclose(guessed.xy[2], aligned_points("front", 256, 256), atol=1e-4)


def test_recorded_points_are_taken_of_three_views_and_others_detected(
    landmark_model: Path, strangers: Faces, studio_assets: Path, tmp_path: Path
) -> None:
    def save(id: str, content: object) -> None:
        path = tmp_path / f"dataset_project/unwrap_texture/{id}/{id}_final_lm68_2d.pt"
        path.parent.mkdir(parents=True)
        torch.save(content, path)

    first, second, third, _ = strangers.ids
    upwards = strangers.landmarks * np.float32((1, -1)) + np.float32((0, 255))
    save(first, {view: upwards[0, at] for at, view in enumerate(VIEWS)})
    save(second, {view: upwards[1, at, :5] for at, view in enumerate(VIEWS)})
    save(third, {view: np.full((68, 2), np.nan, np.float32) for view in VIEWS})
    detect = DetectedPoints(landmark_model.parents[1])
    find = RecordedPoints(RecordedAnalysis(tmp_path, studio_assets), detect)
    found = find(strangers.faces, strangers.latents, strangers.ids)
    damaged = "analysis_unreadable:lm68_2d: left holds no 68 points"
    assert found.reasons == (None, damaged, damaged, None)
    torch.testing.assert_close(found.xy[0], truth(strangers)[0], atol=1e-3, rtol=0)
    detected = detect(strangers.faces, strangers.latents, strangers.ids).xy
    assert torch.equal(found.xy[3], detected[3])
    # a person of the same name in one view is the one as inverted, whom nobody recorded
    one = find(strangers.faces[:, 1:2], strangers.latents[:, 1:2], strangers.ids)
    assert torch.equal(one.xy, detected)


def test_the_published_landmarks_are_read(example: Path, landmark_model: Path) -> None:
    recorded = RecordedAnalysis(example, example / "stand_in_topo_assets")
    find = RecordedPoints(recorded, DetectedPoints(landmark_model.parents[1]))
    found = find(torch.zeros(1, 3, 1024, 1024, 3, dtype=torch.uint8), torch.zeros(1, 3, 18, 512), ["01223"])
    upwards = [
        (386.8624, 539.1806),
        (624.4364, 540.7625),
        (504.7895, 414.7176),
        (417.4372, 283.3529),
        (593.3135, 280.2309),
    ]
    np.testing.assert_allclose(found.xy[0], [(x, 1023 - y) for x, y in upwards], atol=1e-3)
