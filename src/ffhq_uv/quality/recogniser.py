"""The published expression recogniser: VGG19 trained on FER2013, ``FacialExpRecognition_model.t7``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn

from ffhq_uv.networks import (
    Precision,
    folded,
    inference,
    portions,
    quickened,
    read_state,
    usable_device,
    with_weights,
)
from ffhq_uv.quality.bs_error import LUMA

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
NEUTRAL = LABELS.index("neutral")
SIDE = 44
"""Side of the picture that the network sees, pixels."""
CHANNELS = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)
"""Output channels of the 16 convolutions, in five groups that each end by halving the size."""


class VGG19(nn.Module):
    """VGG19 with batch normalisation (Simonyan & Zisserman 2015) and one linear layer, for pictures of 44 x 44."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for group in CHANNELS:
            for channels in group:
                layers += [nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
                inputs = channels
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(512, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        """Pictures [B, 3, 44, 44] (0..1) to class scores (logits) [B, 7]."""
        return self.classifier(self.features(x).flatten(1))  # type: ignore[no-any-return]


class ExpressionRecogniser:
    """Probabilities of the seven expressions of a face.

    As upstream uses it: the whole picture, not the face, grey, small. Its "ten crops" of 44 out of 44 pixels are five
    times the picture and five times its mirror image, so the scores are the mean of two.
    Raises FileNotFoundError or WeightsError for a file that is not usable.
    """

    def __init__(self, path: Path, device: str, precision: Precision = "float32") -> None:
        self._device = usable_device(device)
        network = folded(with_weights(VGG19, read_state(path, "net"), path))
        self._network = quickened(network, self._device, 128, precision)
        self._dtype = next(self._network.parameters()).dtype

    def __call__(self, fronts: Tensor) -> Tensor:
        """Probabilities float32 [B, 7] in the order of `LABELS`, of fronts uint8 RGB [B, H, W, 3]."""
        with inference():
            return torch.cat([self._some(faces.to(self._device)) for faces in portions(fronts, self._device)])

    def _some(self, faces: Tensor) -> Tensor:
        small = (grey_thumbnail(faces) / 255).float()[:, None].expand(-1, 3, -1, -1)
        scores: Tensor = self._network(torch.cat([small, small.flip(3)]).to(self._dtype)).float()
        return scores.reshape(2, len(faces), len(LABELS)).mean(0).softmax(1)


def expression_score(probabilities: Tensor) -> Tensor:
    """1 - p(neutral) of probabilities [B, 7]: 0 is neutral. Float32 [B]."""
    return 1 - probabilities[:, NEUTRAL]


def grey_thumbnail(faces: Tensor) -> Tensor:
    """Whole grey levels float64 [..., 44, 44] of faces uint8 [..., H, W, 3], smoothed and resized like scikit-image."""
    grey = faces.double() @ faces.new_tensor(LUMA, dtype=torch.float64)
    rows, columns = (_thumbnail_weights(side).to(faces.device) for side in grey.shape[-2:])
    return (rows @ grey @ columns.T + 1e-9).floor()  # a level that is whole in exact arithmetic stays


@lru_cache(maxsize=4)
def _thumbnail_weights(side: int) -> Tensor:
    """What each of ``side`` pixels adds to each of 44, float64 [44, side].

    skimage.transform.resize(order=1, anti_aliasing=True): a Gaussian of sigma = (side / 44 - 1) / 2, cut at 4 sigma
    and mirrored at the border, then linear interpolation between pixel centres. Both are linear, so what they make of
    every unit vector is all there is to know.
    """
    units = np.eye(side)
    if side > SIDE:
        units = ndimage.gaussian_filter1d(units, (side / SIDE - 1) / 2, axis=0, mode="reflect")
    place = np.clip((np.arange(SIDE) + 0.5) * side / SIDE - 0.5, 0, side - 1)
    below = np.minimum(place.astype(int), max(side - 2, 0))
    share = (place - below)[:, None]
    return torch.from_numpy((1 - share) * units[below] + share * units[np.minimum(below + 1, side - 1)])
