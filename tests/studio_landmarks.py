"""A landmark model in the published format, trained on studio people, whose landmarks are known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ffhq_uv.analysis.studio import StudioAnalysis
from ffhq_uv.generator.studio import StudioGenerator
from ffhq_uv.studio.publish import normalised


@dataclass(frozen=True)
class Faces:
    """Studio people: ids, latents float32 [n, 3, 18, 512], faces uint8 [n, 3, H, H, 3], landmarks [n, 3, 68, 2]."""

    ids: list[str]
    latents: torch.Tensor
    faces: torch.Tensor
    landmarks: NDArray[np.float32]


def people(topo_assets: Path, numbers: range, size: int) -> Faces:
    """The people of these numbers, and where the keypoints of their meshes are (column, row)."""
    ids = [f"{number:06d}" for number in numbers]
    latents = torch.from_numpy(np.stack([normalised(1, number) for number in numbers])).float()
    faces, _ = StudioGenerator(size, 2)(latents, ids)
    analysis = StudioAnalysis(topo_assets, noise=0.0, seed=0)
    geometry = analysis(faces, latents, ids)
    return Faces(ids, latents, faces, geometry.xy[:, :, analysis.model.keypoints].numpy())


def train(dlib: Any, known: Faces, path: Path) -> None:
    """Train dlib's shape predictor on all views of known faces, in the boxes that dlib's detector finds."""
    detect = dlib.get_frontal_face_detector()
    pictures, detections = [], []
    for face, landmarks in zip(known.faces.flatten(0, 1).numpy(), known.landmarks.reshape(-1, 68, 2), strict=True):
        if boxes := detect(face, 0):
            points = [dlib.point(round(float(x)), round(float(y))) for x, y in landmarks]
            pictures.append(face)
            detections.append([dlib.full_object_detection(boxes[0], points)])
    options = dlib.shape_predictor_training_options()
    options.cascade_depth, options.tree_depth, options.num_trees_per_cascade_level = 6, 4, 60
    options.oversampling_amount, options.feature_pool_size, options.num_test_splits = 8, 150, 20
    options.nu, options.num_threads, options.random_seed = 0.1, 1, "1"
    dlib.train_shape_predictor(pictures, detections, options).save(str(path))
