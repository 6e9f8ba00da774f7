"""Properties of the faithful recipe as a whole, on a small synthetic head drawn from a known map."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from dome import COLUMNS, ROWS, dome_geometry, dome_topology, smooth_faces, spoilt, with_rows

from ffhq_uv.geometry import Geometry
from ffhq_uv.quality.likeness import psnr, seam
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import Topology
from known_heads import shown_faces

FACE = 320
SIZE = 256


@pytest.fixture(scope="module")
def head() -> Topology:
    return dome_topology(SIZE)


@pytest.fixture(scope="module")
def seen() -> Geometry:
    return dome_geometry(FACE)


def true_map(seed: int) -> np.ndarray:
    """A face-like map: clouds, freckles and a few dark strokes; uint8 [S, S, 3]."""
    rng = np.random.default_rng(seed)
    clouds = cv2.resize(rng.uniform(90, 190, (9, 9, 3)).astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    freckles = cv2.GaussianBlur(rng.normal(0, 60, (SIZE, SIZE, 1)).astype(np.float32), (0, 0), 1.5)[..., None]
    picture = np.ascontiguousarray(clouds + freckles)
    for row, column in rng.integers(60, SIZE - 60, (12, 2)).tolist():
        cv2.ellipse(picture, (column, row), (14, 3), 20, 0, 360, (70, 50, 45), -1, cv2.LINE_AA)
    return picture.clip(0, 255).astype(np.uint8)


def shown(topology: Topology, geometry: Geometry, picture: np.ndarray) -> torch.Tensor:
    return shown_faces(topology, geometry, picture, FACE)[0]


def inner(coverage: torch.Tensor, topology: Topology) -> np.ndarray:
    """Texels that some view shows, off the rim of those (a few pixels wide here) and off the hair."""
    covered = coverage[0].any(0).numpy() & (topology.masks["hair"] == 0)
    return cv2.erode(covered.astype(np.uint8), np.ones((15, 15))) > 0


@pytest.mark.slow
def test_it_comes_nearer_to_the_truth_than_the_published_recipe(head: Topology, seen: Geometry) -> None:
    truth = true_map(1)
    faces = shown(head, seen, truth)
    found = FaithfulTexturer(head)(faces, seen)
    assert found.reasons == (None,)
    where = inner(found.coverage, head)
    other = PublishedTexturer(head)(faces, seen).maps[0].numpy()
    assert where.mean() > 0.15
    assert psnr(found.maps[0].numpy(), truth, where) > 40
    assert psnr(found.maps[0].numpy(), truth, where) > psnr(other, truth, where) + 9
    assert seam(found.maps[0].numpy(), truth, where) < 0.3


@pytest.mark.slow
def test_back_projection_sharpens(head: Topology, seen: Geometry) -> None:
    truth = true_map(2)
    faces = shown(head, seen, truth)
    figures = []
    for iterations in (0, 1):
        found = FaithfulTexturer(head, iterations=iterations)(faces, seen)
        figures.append(psnr(found.maps[0].numpy(), truth, inner(found.coverage, head)))
    assert figures[1] > figures[0] + 1


@pytest.mark.slow
def test_views_of_different_exposure_are_brought_together(head: Topology, seen: Geometry) -> None:
    truth = true_map(3)
    faces = shown(head, seen, truth)
    gains = torch.tensor([0.9, 1.0, 1.1])[None, :, None, None, None]
    lit = (faces * gains).round().clamp(0, 255).to(torch.uint8)
    found = FaithfulTexturer(head)(lit, seen)
    where = inner(found.coverage, head)
    assert psnr(found.maps[0].numpy(), truth, where) > 39


@pytest.mark.slow
def test_views_that_are_off_are_registered(head: Topology, seen: Geometry) -> None:
    truth = true_map(4)
    faces = shown(head, seen, truth)
    shifts = torch.tensor([[1.5, -0.8], [-1.0, 0.5], [-0.5, 0.3]])  # their mean, which nothing can tell, is 0
    off = replace(seen, xy=seen.xy + shifts[None, :, None])
    found = FaithfulTexturer(head)(faces, off)
    where = inner(found.coverage, head)
    assert psnr(found.maps[0].numpy(), truth, where) > 36


def test_a_flat_coloured_head_comes_back_flat(topology: Topology, geometry: Geometry) -> None:
    colour = torch.tensor([180, 120, 90], dtype=torch.uint8)
    flat = replace(topology, template=np.full_like(topology.template, 128))
    found = FaithfulTexturer(flat)(colour.expand(1, 3, 160, 160, 3).contiguous(), geometry)
    assert found.reasons == (None,)
    outside_hair = topology.masks["hair"] == 0
    assert np.abs(found.maps[0].numpy()[outside_hair].astype(int) - colour.numpy()).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [FaithfulTexturer, PublishedTexturer])
def test_a_chequerboard_keeps_its_corners(
    head: Topology, seen: Geometry, recipe: type[FaithfulTexturer] | type[PublishedTexturer]
) -> None:
    row, column = np.mgrid[0:SIZE, 0:SIZE] // 16
    board = np.repeat((60 + 130 * ((row + column) % 2))[..., None], 3, -1).astype(np.uint8)
    found = recipe(head)(shown(head, seen, board), seen)
    # the published recipe fades to the template's flat grey around the places that a view may own
    owned = cv2.erode(head.major_union.astype(np.uint8), np.ones((31, 31))) > 0
    where = inner(found.coverage, head) & owned
    corners = [(i, j) for i in range(16, SIZE, 16) for j in range(16, SIZE, 16) if where[i, j]]
    assert len(corners) > 20
    places = np.array([[[j - 0.5, i - 0.5]] for i, j in corners], np.float32)
    grey = cv2.cvtColor(found.maps[0].numpy(), cv2.COLOR_RGB2GRAY)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 50, 1e-3)
    moved = cv2.cornerSubPix(grey, places.copy(), (5, 5), (-1, -1), stop) - places
    assert np.hypot(*moved.reshape(-1, 2).T).max() < 1


@pytest.mark.slow
def test_mirrored_views_on_a_mirrored_topology_mirror_the_map(head: Topology, seen: Geometry) -> None:
    faces = shown(head, seen, true_map(5))
    masks = {name: mask[:, ::-1].copy() for name, mask in head.masks.items()}
    for kind in ("major", "minor"):
        names = f"{kind}_valid_left", f"{kind}_valid_right"
        masks[names[0]], masks[names[1]] = masks[names[1]], masks[names[0]]
    mirrored = replace(head, masks=masks, template=head.template[:, ::-1].copy())
    partner = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[:, ::-1].ravel().copy()
    xy = seen.xy.flip(1)[:, :, partner].clone()
    xy[..., 0] = FACE - 1 - xy[..., 0]
    other = replace(
        seen,
        xy=xy,
        depth=seen.depth.flip(1)[:, :, partner],
        normals=seen.normals.flip(1)[:, :, partner] * torch.tensor([-1.0, 1, 1]),
        skin=seen.skin.flip(1).flip(-1),
    )
    found = FaithfulTexturer(head)(faces, seen)
    flipped = FaithfulTexturer(mirrored)(faces.flip(1).flip(3).contiguous(), other)
    assert (found.coverage != flipped.coverage.flip(1).flip(-1)).float().mean() < 5e-3
    difference = np.abs(found.maps[0].numpy().astype(int) - flipped.maps[0].numpy()[:, ::-1])
    # the triangles' diagonals are not mirrored
    assert difference[inner(found.coverage, head)].mean() < 0.5
    assert difference.mean() < 1.5


@pytest.mark.parametrize("threads", [1, 2])
def test_a_batch_equals_its_samples_one_by_one(topology: Topology, geometry: Geometry, threads: int) -> None:
    faces = smooth_faces(2, 4, 160)
    whole = FaithfulTexturer(topology, threads)(faces, with_rows(geometry, 4))
    single = FaithfulTexturer(topology)
    for row in reversed(range(4)):
        alone = single(faces[row : row + 1], geometry)
        assert torch.equal(whole.maps[row], alone.maps[0])
        assert torch.equal(whole.coverage[row], alone.coverage[0])


def test_what_stands_behind_is_not_painted_on(head: Topology, seen: Geometry) -> None:
    """A surface that something nearer hides takes nothing of it."""
    xy, depth = seen.xy.clone(), seen.depth.clone()
    behind = replace(seen, xy=xy, depth=depth)
    patch = torch.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)[:4, :].ravel()  # the rim below, moved over the face
    xy[:, :, patch] = xy[:, :, patch] * 0.6 + 0.4 * FACE / 2
    depth[:, :, patch] -= 3
    hidden = FaithfulTexturer(head)(smooth_faces(3, 1, FACE), behind).coverage[0].any(0)
    free = FaithfulTexturer(head)(smooth_faces(3, 1, FACE), seen).coverage[0].any(0)
    assert (free & ~hidden).sum() > 500


@pytest.mark.parametrize("view", [0, 1, 2])
def test_a_projection_that_is_not_finite_is_a_reason(topology: Topology, geometry: Geometry, view: int) -> None:
    name = ("left", "front", "right")[view]
    faces = smooth_faces(5, 2, 160)
    found = FaithfulTexturer(topology)(faces, spoilt(with_rows(geometry, 2), view))
    assert found.reasons == (f"projection_nonfinite:{name}", None)
    assert not found.maps[0].any()
    assert torch.equal(found.maps[1], FaithfulTexturer(topology)(faces[1:], geometry).maps[0])
    depth = geometry.depth.clone()
    depth[0, view, 3] = 0
    assert FaithfulTexturer(topology)(faces[:1], replace(geometry, depth=depth)).reasons == (
        f"head_behind_camera:{name}",
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eyes", "mouth"])
def test_eyes_and_mouth_come_from_the_front_view_or_the_template(head: Topology, seen: Geometry, name: str) -> None:
    truth = true_map(7)
    faces = shown(head, seen, truth)
    part = torch.zeros(FACE, FACE, dtype=torch.bool)
    part[140:170, 135:185] = True
    skin = seen.skin & ~part
    skin[:, [0, 2], 90:220, 60:260] = False  # the side views must not show it either
    masked = replace(seen, skin=skin, **{name: part.expand_as(skin)})
    picture, template = (FaithfulTexturer(head, eyes=eyes)(faces, masked) for eyes in ("picture", "template"))
    assert torch.equal(template.maps, FaithfulTexturer(head)(faces, replace(seen, skin=skin)).maps)
    shows = (picture.coverage[0, 1] & ~template.coverage[0].any(0)).numpy()
    assert shows.sum() > 300
    assert not picture.coverage[0, [0, 2]].any(0).numpy()[shows].any()
    found = [textures.maps[0].numpy() for textures in (picture, template)]
    assert psnr(found[0], truth, shows) > psnr(found[1], truth, shows) + 6


@pytest.mark.slow
def test_noise_is_not_sharpened(head: Topology, seen: Geometry) -> None:
    truth = true_map(8)
    clean = shown(head, seen, truth).float()
    noisy = (clean + torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)) * 5).round().clamp(0, 255)
    found = FaithfulTexturer(head)(noisy.to(torch.uint8), seen)
    other = PublishedTexturer(head)(noisy.to(torch.uint8), seen)
    where = inner(found.coverage, head) & (head.major_union > 0)
    assert psnr(found.maps[0].numpy(), truth, where) > psnr(other.maps[0].numpy(), truth, where) + 1.5


@pytest.mark.slow
def test_what_no_view_shows_continues_the_seen(head: Topology, seen: Geometry) -> None:
    """A person of the template's pattern in other colours: the rest of the map is told by the matched template."""
    head = replace(head, template=cv2.GaussianBlur(head.template, (0, 0), 3))
    truth = (head.template * 0.8 + np.array([20, 5, 0])).round().astype(np.uint8)
    faces = shown(head, seen, truth)
    window = torch.zeros_like(seen.skin)
    window[..., 60:260, 110:210] = True
    seen = replace(seen, skin=seen.skin & window)
    maps = [recipe(head)(faces, seen).maps[0].numpy().astype(float) for recipe in (FaithfulTexturer, PublishedTexturer)]
    covered = FaithfulTexturer(head)(faces, seen).coverage[0].any(0).numpy()
    unseen = ~covered & head.inside & (cv2.dilate(head.masks["hair"], np.ones((9, 9))) == 0)
    faithful, published = (np.abs(found - truth)[unseen].mean() for found in maps)
    assert unseen.sum() > 1000
    assert faithful < 4
    assert faithful < 1.2 * published


def test_a_view_without_skin_is_a_reason(topology: Topology, geometry: Geometry) -> None:
    skin = geometry.skin.clone()
    skin[0, 2] = False
    texturer, faces = FaithfulTexturer(topology), smooth_faces(6, 1, 160)
    assert texturer(faces, replace(geometry, skin=skin)).reasons == ("no_skin:right",)
    away = replace(geometry, normals=torch.tensor([0.0, 0, -1]).expand_as(geometry.normals))
    found = texturer(faces, away)
    assert found.reasons == ("no_skin:left",)
    assert not found.maps.any()
    assert not found.coverage.any()
    failed = replace(geometry, reasons=("face_unreadable:front",))
    assert texturer(faces, failed).reasons == failed.reasons


@pytest.mark.parametrize("size", [1, 16, 100])
@pytest.mark.parametrize("face", [(40, 64), (200, 150)])
def test_any_map_and_face_size(size: int, face: tuple[int, int]) -> None:
    geometry = dome_geometry(max(face))
    skin = torch.ones(1, 3, *face, dtype=torch.bool)
    faces = smooth_faces(9, 1, max(face))[:, :, : face[0], : face[1]].contiguous()
    found = FaithfulTexturer(dome_topology(size))(faces, replace(geometry, skin=skin))
    assert found.maps.shape == (1, size, size, 3)
    assert found.reasons == (None,)
    assert found.maps.any()
