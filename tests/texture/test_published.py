"""Properties of the recipe as a whole, on a small synthetic head."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from dome import COLUMNS, ROWS, dome_geometry, dome_topology, smooth_faces, spoilt, with_rows
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ffhq_uv.geometry import Geometry
from ffhq_uv.texture import unwrap
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import Topology


def test_a_flat_coloured_head_comes_back_flat(topology: Topology, geometry: Geometry) -> None:
    colour = torch.tensor([180, 120, 90], dtype=torch.uint8)
    textures = PublishedTexturer(topology)(colour.expand(1, 3, 160, 160, 3), geometry)
    assert textures.reasons == (None,)
    assert textures.coverage.flatten(2).any(2).all()
    outside_hair = topology.masks["hair"] == 0
    found = textures.maps[0].numpy()[outside_hair].astype(int)
    assert np.abs(found - colour.numpy()).max() <= 1


@pytest.mark.parametrize("tone", [(180, 120, 90), (200, 150, 130), (120, 120, 120), (255, 250, 240)])
def test_of_a_flat_face_nothing_is_darker_than_the_mean(
    topology: Topology, geometry: Geometry, tone: tuple[int, int, int]
) -> None:
    """Rounding must not decide that the base of the nose is to be completed."""
    masks = topology.masks | {"nosal_base": topology.masks["center_face"]}
    with_nose = replace(topology, masks=masks)
    colour = torch.tensor(tone, dtype=torch.uint8)
    found = PublishedTexturer(with_nose)(colour.expand(1, 3, 160, 160, 3), geometry).maps[0].numpy().astype(int)
    assert np.abs(found - colour.numpy())[topology.masks["hair"] == 0].max() <= 1


def test_the_template_stays_under_the_hair(topology: Topology, geometry: Geometry) -> None:
    found = PublishedTexturer(topology)(smooth_faces(1, 1, 160), geometry).maps[0].numpy()
    deep = cv2.erode((topology.masks["hair"] >= 1).astype(np.uint8), np.ones((7, 7))) > 0
    assert deep.any()
    np.testing.assert_array_equal(found[deep], topology.template[deep])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_batch_equals_its_samples_one_by_one(topology: Topology, geometry: Geometry, threads: int) -> None:
    faces = smooth_faces(2, 4, 160)
    whole = PublishedTexturer(topology, threads)(faces, with_rows(geometry, 4))
    single = PublishedTexturer(topology)
    for row in reversed(range(4)):
        alone = single(faces[row : row + 1], geometry)
        assert torch.equal(whole.maps[row], alone.maps[0])
        assert torch.equal(whole.coverage[row], alone.coverage[0])


@pytest.mark.parametrize("shift", [0, 60])
def test_the_library_and_the_kernel_give_the_same_bytes(
    topology: Topology, geometry: Geometry, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    """Also of a head that leaves the image at its last pixel."""
    if unwrap._library() is None:
        pytest.skip("no C++ compiler here")
    seen = replace(geometry, xy=geometry.xy + shift)
    found = PublishedTexturer(topology)(smooth_faces(8, 1, 160), seen)
    monkeypatch.setattr(unwrap, "_library", lambda: None)
    other = PublishedTexturer(topology)(smooth_faces(8, 1, 160), seen)
    assert found.reasons == other.reasons == (None,)
    assert torch.equal(found.maps, other.maps)
    assert torch.equal(found.coverage, other.coverage)


def test_the_number_of_opencv_threads_changes_nothing(topology: Topology, geometry: Geometry) -> None:
    texturer, faces, before = PublishedTexturer(topology), smooth_faces(3, 1, 160), cv2.getNumThreads()
    maps = []
    try:
        for threads in (1, 4):
            cv2.setNumThreads(threads)
            maps.append(texturer(faces, geometry).maps)
    finally:
        cv2.setNumThreads(before)
    assert torch.equal(*maps)


def test_mirrored_views_on_a_mirrored_topology_mirror_the_map() -> None:
    size, side = 256, 300
    topology, geometry = dome_topology(size), dome_geometry(side)
    faces = smooth_faces(4, 1, side)
    # the recipe's order of views stays; so "left" keeps its name, and everything about it is mirrored
    masks = {name: mask[:, ::-1].copy() for name, mask in topology.masks.items()}
    mirrored = replace(topology, masks=masks, template=topology.template[:, ::-1].copy())
    partner = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[:, ::-1].ravel().copy()
    xy = geometry.xy[:, :, partner].clone()
    xy[..., 0] = side - 1 - xy[..., 0]
    normals = geometry.normals[:, :, partner] * torch.tensor([-1.0, 1, 1])
    other = replace(geometry, xy=xy, normals=normals, skin=geometry.skin.flip(-1))
    found = PublishedTexturer(topology)(faces, geometry)
    flipped = PublishedTexturer(mirrored)(faces.flip(3).contiguous(), other)
    assert (found.coverage != flipped.coverage.flip(-1)).float().mean() < 1e-3
    difference = (found.maps.int() - flipped.maps.flip(2).int()).abs().float()
    middle = difference[0, 102:154, 102:154]
    assert middle.mean() < 0.2
    assert middle.max() <= 2
    # the pyramid keeps even columns: where texture and template meet, the recipe itself leans to one side
    assert difference.mean() < 1.5


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_projection_that_is_not_finite_is_a_reason(topology: Topology, geometry: Geometry, view: int) -> None:
    pair = with_rows(geometry, 2)
    faces = smooth_faces(5, 2, 160)
    found = PublishedTexturer(topology)(faces, spoilt(pair, view))
    assert found.reasons == (f"projection_nonfinite:{('left', 'front', 'right')[view]}", None)
    assert not found.maps[0].any()
    assert not found.coverage[0].any()
    assert torch.equal(found.maps[1], PublishedTexturer(topology)(faces[1:], geometry).maps[0])


def test_a_view_without_skin_is_a_reason(topology: Topology, geometry: Geometry) -> None:
    skin = geometry.skin.clone()
    skin[0, 2] = False
    texturer = PublishedTexturer(topology)
    assert texturer(smooth_faces(6, 1, 160), replace(geometry, skin=skin)).reasons == ("no_skin:right",)
    away = replace(geometry, normals=torch.tensor([0.0, 0, -1]).expand_as(geometry.normals))
    assert texturer(smooth_faces(6, 1, 160), away).reasons == ("no_skin:left",)


def test_an_earlier_reason_is_kept(topology: Topology, geometry: Geometry) -> None:
    failed = replace(geometry, reasons=("face_unreadable:front",))
    found = PublishedTexturer(topology)(smooth_faces(7, 1, 160), failed)
    assert found.reasons == failed.reasons
    assert not found.maps.any()


def test_vertices_outside_the_face_are_sampled_at_its_border(topology: Topology) -> None:
    geometry = dome_geometry(64)
    far = replace(geometry, xy=geometry.xy * 3 - 64, skin=torch.ones_like(geometry.skin))
    found = PublishedTexturer(topology)(smooth_faces(8, 1, 64), far)
    assert found.reasons == (None,)
    assert found.maps.float().mean() > 20


@pytest.mark.parametrize("size", [1, 16, 100, 257])
@pytest.mark.parametrize("face", [(40, 64), (200, 150)])
def test_any_map_and_face_size(size: int, face: tuple[int, int]) -> None:
    geometry = dome_geometry(max(face))
    skin = torch.ones(1, 3, *face, dtype=torch.bool)
    faces = smooth_faces(9, 1, max(face))[:, :, : face[0], : face[1]].contiguous()
    found = PublishedTexturer(dome_topology(size))(faces, replace(geometry, skin=skin))
    assert found.maps.shape == (1, size, size, 3)
    assert found.reasons == (None,)


def test_faces_of_another_shape_are_refused(topology: Topology, geometry: Geometry) -> None:
    with pytest.raises(ValueError, match=r"expected \[B, 3, H, W, 3\]"):
        PublishedTexturer(topology)(smooth_faces(1, 1, 160)[:, :1], geometry)


@pytest.mark.parametrize("recipe", [PublishedTexturer, FaithfulTexturer])
def test_a_head_that_lands_outside_of_the_image_is_a_reason(
    topology: Topology, geometry: Geometry, recipe: type[PublishedTexturer] | type[FaithfulTexturer]
) -> None:
    xy = geometry.xy.clone()
    xy[:, 1, :, 0] += 160
    found = recipe(topology)(smooth_faces(6, 1, 160), replace(geometry, xy=xy))
    assert found.reasons == ("head_outside_image:front",)
    assert not found.maps.any()
    assert not found.coverage.any()


@pytest.mark.parametrize("recipe", [PublishedTexturer, FaithfulTexturer])
def test_a_geometry_of_other_faces_or_another_mesh_is_refused(
    topology: Topology, geometry: Geometry, recipe: type[PublishedTexturer] | type[FaithfulTexturer]
) -> None:
    with pytest.raises(ValueError, match="skin masks are"):
        recipe(topology)(smooth_faces(1, 1, 150), geometry)
    fewer = replace(geometry, xy=geometry.xy[:, :, 1:])
    with pytest.raises(ValueError, match=r"the topology\'s \d+ vertices"):
        recipe(topology)(smooth_faces(1, 1, 160), fewer)


def skin_mask(seed: int, share: float) -> torch.Tensor:
    """Blobs that cover about this share of three faces of 160 pixels."""
    noise = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(noise, size=(160, 160), mode="bicubic") < share


def test_skin_that_is_all_border_is_a_reason() -> None:
    """At this size no box is filled from the template, which counts as reliable."""
    seen = replace(dome_geometry(160), skin=skin_mask(11, 0.02))
    found = PublishedTexturer(dome_topology(16))(smooth_faces(1, 1, 160), seen)
    assert found.reasons == ("nothing_reliable",)
    assert not found.maps.any()
    assert not found.coverage.any()


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 1))
@example(446664037, 0.0, 0.03515625)  # a view whose skin has no weight for faithful
def test_every_mask_gives_a_map_or_a_reason_and_less_skin_covers_no_more(
    topology: Topology, geometry: Geometry, seed: int, first: float, second: float
) -> None:
    faces = smooth_faces(1, 1, 160)
    published, faithful = PublishedTexturer(topology), FaithfulTexturer(topology)
    covered = []
    for share in sorted((first, second)):
        seen = replace(geometry, skin=skin_mask(seed, share))
        for recipe in (published, faithful):
            found = recipe(faces, seen)
            if found.reasons[0] is None:
                shows = found.coverage[0].flatten(1).any(1)
                assert shows.all() if recipe is published else shows.any()  # a view's little skin may have no weight
                assert not (found.coverage[0].any(0) & ~torch.from_numpy(topology.inside)).any()
                # never a black map: what no view shows is completed, from a template that is not dark
                assert found.maps.float().mean() > 30
            else:
                assert found.reasons[0].startswith("no_skin:")
                assert not found.maps.any()
                assert not found.coverage.any()
            if recipe is published:
                covered.append(found.coverage)
    assert not (covered[0] & ~covered[1]).any()
