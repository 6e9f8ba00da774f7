"""Sample 01223: parity with upstream's own output, and closeness to the published files."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from ffhq_uv.analysis.recorded import RecordedAnalysis
from ffhq_uv.formats.png import read_png
from ffhq_uv.geometry import VIEWS, Geometry
from ffhq_uv.texture import Textures
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.rasterise import rasterise_uv
from ffhq_uv.texture.topology import Topology, load_topology

pytestmark = pytest.mark.skipif(
    "FFHQ_UV_EXAMPLE" not in os.environ,
    reason="FFHQ_UV_EXAMPLE is unset: no published sample to compare with",
)
EXAMPLE = Path(os.environ.get("FFHQ_UV_EXAMPLE", "."))
ASSETS = EXAMPLE / "stand_in_topo_assets"
ID = "01223"


def picture(*parts: str) -> np.ndarray:
    path = EXAMPLE.joinpath(*parts)
    return read_png(path.read_bytes(), path.name)


def masks(*parts: str) -> np.ndarray:
    """A masks picture as bool [3, S, S]; its channels are left, front, right."""
    return np.moveaxis(picture(*parts), -1, 0) > 127


@pytest.fixture(scope="module")
def topology() -> Topology:
    return load_topology(ASSETS, 1024)


@pytest.fixture(scope="module")
def faces() -> torch.Tensor:
    views = [picture("dataset_project", "edit", ID, f"{ID}_{view}.png") for view in VIEWS]
    return torch.from_numpy(np.stack(views))[None]


@pytest.fixture(scope="module")
def geometry(faces: torch.Tensor) -> Geometry:
    return RecordedAnalysis(EXAMPLE, ASSETS)(faces, torch.zeros(1, 3, 18, 512), [ID])


@pytest.fixture(scope="module")
def textures(topology: Topology, faces: torch.Tensor, geometry: Geometry) -> Textures:
    return PublishedTexturer(topology)(faces, geometry)


def test_projections_are_upstreams(geometry: Geometry) -> None:
    upstream = np.load(EXAMPLE / "published_recipe_on_stand_in" / f"{ID}_projection.npz", allow_pickle=False)
    for k, view in enumerate(VIEWS):
        np.testing.assert_allclose(geometry.xy[0, k], upstream[f"{view}_xy"], atol=1e-3)
        np.testing.assert_allclose(geometry.normals[0, k], upstream[f"{view}_normal"], atol=1e-3)


def test_map_and_coverage_are_upstreams(textures: Textures) -> None:
    assert textures.reasons == (None,)
    covered = masks("published_recipe_on_stand_in", f"{ID}_remap_masks.png")
    assert (textures.coverage[0].numpy() != covered).mean((1, 2)).max() <= 5e-4
    upstream = picture("published_recipe_on_stand_in", f"{ID}_uv.png").astype(int)
    difference = np.abs(textures.maps[0].numpy() - upstream)
    assert (difference <= 1).mean() >= 0.999
    assert difference.max() <= 3


def test_coverage_is_close_to_the_published_masks(textures: Textures) -> None:
    published = masks("dataset_project", "unwrap_texture", ID, f"{ID}_final_remap_masks.png")
    found = textures.coverage[0].numpy()
    overlap = (found & published).sum((1, 2)) / (found | published).sum((1, 2))
    assert (overlap >= [0.84, 0.87, 0.84]).all(), overlap


def test_map_is_close_to_the_published_map(textures: Textures) -> None:
    face = masks("dataset_project", "unwrap_texture", ID, f"{ID}_final_remap_masks.png").any(0)
    published = picture("dataset_project", "unwrap_texture", ID, f"{ID}_final_uv.png").astype(float)
    error = ((textures.maps[0].numpy() - published)[face] ** 2).mean()
    assert 10 * np.log10(255**2 / error) >= 28.6


@pytest.mark.slow
def test_a_refined_fit_comes_closer_to_the_published_map(topology: Topology, faces: torch.Tensor) -> None:
    geometry = RecordedAnalysis(EXAMPLE, ASSETS, refine=True)(faces, torch.zeros(1, 3, 18, 512), [ID])
    textures = PublishedTexturer(topology)(faces, geometry)
    published = masks("dataset_project", "unwrap_texture", ID, f"{ID}_final_remap_masks.png")
    covered = textures.coverage[0].numpy()
    assert ((covered & published).sum((1, 2)) / (covered | published).sum((1, 2))).min() >= 0.80
    truth = picture("dataset_project", "unwrap_texture", ID, f"{ID}_final_uv.png").astype(float)
    squares = np.square(textures.maps[0].numpy() - truth)[published.any(0)]
    assert 10 * np.log10(255**2 / squares.mean()) >= 32.8


def test_faithful_map_is_close_to_the_published_map(
    topology: Topology, faces: torch.Tensor, geometry: Geometry
) -> None:
    """A floor: the published map is upstream's own output, and the stand-in's head is not this person's."""
    face = masks("dataset_project", "unwrap_texture", ID, f"{ID}_final_remap_masks.png").any(0)
    published = picture("dataset_project", "unwrap_texture", ID, f"{ID}_final_uv.png").astype(float)
    found = FaithfulTexturer(topology)(faces, geometry)
    assert found.reasons == (None,)
    error = ((found.maps[0].numpy() - published)[face] ** 2).mean()
    assert 10 * np.log10(255**2 / error) >= 28.0


@pytest.mark.slow
def test_faithful_map_of_a_known_head_is_near_the_truth() -> None:
    from known_heads import published_heads
    from texture_truth import measure, seen

    head = published_heads(EXAMPLE, 1024)[0]
    truth = seen(head)
    psnr, outside, _, seam, unseen, specks = measure(FaithfulTexturer(head.topology), truth)
    published, published_outside, _, _, published_unseen, _ = measure(PublishedTexturer(head.topology), truth)
    assert psnr >= max(48, published + 8)
    assert outside >= published_outside + 9
    assert seam <= 0.35
    assert unseen <= 1.2 * published_unseen
    assert specks == 0


def test_rasterised_mesh_is_unwrap_1024_info(topology: Topology) -> None:
    index, weight, inside = rasterise_uv(topology.triangles, topology.triangles_uv, topology.uv, 1024)
    assert (inside == topology.inside).all()
    other = (index != topology.unwrap_index).any(-1)
    assert other.sum() <= 10  # centres on an edge
    np.testing.assert_allclose(weight[~other], topology.unwrap_weight[~other], atol=2e-4)


@pytest.mark.slow
def test_map_is_that_of_the_plain_reading(
    topology: Topology, faces: torch.Tensor, geometry: Geometry, textures: Textures
) -> None:
    from texture_reference import published_recipe

    sample = (tensor[0].numpy() for tensor in (faces, geometry.xy, geometry.normals, geometry.skin))
    expected, covered = published_recipe(topology, *sample)
    np.testing.assert_array_equal(textures.coverage[0], covered)
    difference = np.abs(textures.maps[0].numpy().astype(int) - expected)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.005
