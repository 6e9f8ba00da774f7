"""The published files of sample 01223 hold the numbers that they are documented to hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ffhq_uv.archive.attributes import Attributes, decode_attributes
from ffhq_uv.archive.latents import decode_view_attribute
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.archive.writing import encode_attributes, encode_light, normalised_attributes
from ffhq_uv.formats.png import read_png
from ffhq_uv.formats.unpickle import read_torch
from ffhq_uv.geometry import VIEWS


@pytest.fixture(scope="module")
def project(example: Path) -> Path:
    return example / "dataset_project"


def test_attributes(project: Path) -> None:
    published = (project / "attributes/01223.json").read_bytes()
    assert decode_attributes(published, "01223.json") == Attributes(0, 23.0, 0.0, 0.65, None)
    record = {"Age": 23.0, "Baldness": 0.02, "Beard": 0.0, "Expression": 0.65, "Gender": 0, "Glasses": 0}
    assert encode_attributes(record | {"Pitch": -5.6, "Yaw": 11.2}) == published


def test_light(project: Path) -> None:
    published = (project / "lights/01223.npy").read_bytes()
    light = decode_light(published, "01223.npy")
    expected = [0.807978, -0.039324, 0.233952, -0.181675, 0.018726, 0.025828, -0.151674, -0.017054, -0.125641]
    np.testing.assert_allclose(light, expected, atol=6e-7)
    assert encode_light(light) == published


def test_the_attributes_of_the_normalised_views(project: Path) -> None:
    for view, expected in zip(VIEWS, normalised_attributes(gender=0, beard=0.0, age=23.0), strict=True):
        content = (project / f"edit/01223/01223_{view}_latent.pt").read_bytes()
        np.testing.assert_allclose(decode_view_attribute(content, view), expected, atol=1e-6)


def test_the_five_points_of_the_landmarks(project: Path) -> None:
    landmarks = read_torch((project / "unwrap_texture/01223/01223_final_lm68_2d.pt").read_bytes(), "lm68_2d")
    front = landmarks["front"]
    assert (front.shape, front.dtype) == ((68, 2), np.float32)
    points = [front[[36, 39]].mean(0), front[[42, 45]].mean(0), front[30], front[48], front[54]]
    expected = [
        *((386.8624, 539.1806), (624.4364, 540.7625), (504.7895, 414.7176)),
        *((417.4372, 283.3529), (593.3135, 280.2309)),
    ]
    np.testing.assert_allclose(points, expected, atol=1e-4)


def test_the_areas_of_the_remap_masks(project: Path) -> None:
    masks = read_png((project / "unwrap_texture/01223/01223_final_remap_masks.png").read_bytes(), "remap_masks")
    assert np.unique(masks).tolist() == [0, 255]
    np.testing.assert_allclose((masks > 0).mean((0, 1)), [0.2196, 0.2337, 0.2122], atol=5e-5)
