"""One mesh with two UV layouts: maps there and back, tiles, borders, and what cannot be moved."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from tests.transfer.heads import halves, warped

from ffhq_uv.formats.png import read_png
from ffhq_uv.texture.mesh import Mesh, read_obj
from ffhq_uv.texture.topology import load_mesh
from ffhq_uv.transfer.charts import flipped, tiles
from ffhq_uv.transfer.correspondence import Correspondence, by_layouts, same_triangles
from ffhq_uv.transfer.resampling import Resampler

SIZE = 1024


@pytest.fixture(scope="module")
def head(studio_assets: Path) -> Mesh:
    return load_mesh(studio_assets)


@pytest.fixture(scope="module")
def uv_map(studio_assets: Path) -> np.ndarray:
    path = studio_assets / "template_base_uv.png"
    return read_png(path.read_bytes(), path.name)


@pytest.fixture(scope="module")
def face(studio_assets: Path) -> np.ndarray:
    return cv2.imread(str(studio_assets / "minor_valid_whole_mask.png"), cv2.IMREAD_GRAYSCALE) > 127


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(1e-9, np.mean((a.astype(np.float64) - b) ** 2))))


def there_and_back(head: Mesh, uv_map: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A map moved to the two tiles of `halves` and back, and which of its texels came back."""
    target = halves(head)
    assert same_triangles(head, target)
    back, covered = np.zeros_like(uv_map), np.zeros(uv_map.shape[:2], bool)
    for tile in by_layouts(head, target, size, SIZE)[0]:
        moved = Resampler(tile, SIZE)(uv_map)
        column = tile.number - 1001
        layout = Mesh(target.vertices, target.uv - np.float32([column, 0]), target.triangles, target.triangles_uv)
        (home,), _ = by_layouts(layout, head, SIZE, size, filtered=False)
        back[home.inside] = Resampler(home, size)(moved)[home.inside]
        covered |= home.inside
    return back, covered


@pytest.mark.slow
@pytest.mark.parametrize(("size", "least"), [(1024, 49), (2048, 61)])
def test_a_face_survives_the_way_there_and_back(
    head: Mesh, uv_map: np.ndarray, face: np.ndarray, size: int, least: float
) -> None:
    back, covered = there_and_back(head, uv_map, size)
    assert (covered & face).sum() > 0.97 * face.sum()
    assert psnr(uv_map[covered & face], back[covered & face]) >= least


@pytest.mark.slow
def test_the_same_layout_gives_the_same_map(head: Mesh, uv_map: np.ndarray) -> None:
    (tile,), report = by_layouts(head, head, SIZE, SIZE)
    moved = Resampler(tile, SIZE)(uv_map)
    np.testing.assert_array_equal(moved[tile.inside], uv_map[tile.inside])
    assert report.density == pytest.approx(1)
    assert report.flipped == report.without == report.overlaps == 0


@pytest.mark.slow
def test_a_small_target_is_averaged_and_not_aliased(head: Mesh, uv_map: np.ndarray) -> None:
    target = halves(head)
    for tile, large in zip(
        by_layouts(head, target, 128, SIZE)[0], by_layouts(head, target, 1024, SIZE)[0], strict=True
    ):
        assert tile.factor == 8
        expected = cv2.resize(Resampler(large, SIZE)(uv_map), (128, 128), interpolation=cv2.INTER_AREA)
        assert psnr(Resampler(tile, SIZE)(uv_map)[tile.inside], expected[tile.inside]) > 50


def outside_against_inside(tile: Correspondence, moved: np.ndarray, level: int) -> np.ndarray:
    """Of every texel of a mip level that holds no chart, beside one that does: by how much it is off, grey levels."""
    size = (len(moved) >> level,) * 2
    mip = cv2.resize(moved.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    held = cv2.resize(tile.inside * 1.0, size, interpolation=cv2.INTER_AREA) > 0
    found = []
    for row, column in np.argwhere(~held):
        around = np.s_[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        if held[around].any():
            found.append(np.abs(mip[around][held[around]] - mip[row, column]).max(-1).min())
    return np.array(found)


@pytest.mark.slow
def test_beside_the_charts_of_a_published_map_mip_level_4_is_as_they_are() -> None:
    folder = os.environ.get("FFHQ_UV_EXAMPLE")
    if not folder:
        pytest.skip("FFHQ_UV_EXAMPLE is unset: no published map to move")
    demo = Path(folder) / "demo_head"
    mesh, picture = read_obj(demo / "mesh_head.obj"), read_png((demo / "tex_uv.png").read_bytes(), "tex_uv.png")
    for tile in by_layouts(mesh, halves(mesh), SIZE, SIZE)[0]:
        off = outside_against_inside(tile, Resampler(tile, SIZE)(picture), 4)
        assert len(off) > 100
        assert off.max() <= 8


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_no_mip_level_sees_what_is_outside_the_charts(head: Mesh, uv_map: np.ndarray, level: int) -> None:
    """Where a mip texel is partly or just outside of the charts, it is as the charts are there."""
    target = Mesh(head.vertices, warped(head.uv).astype(np.float32), head.triangles, head.triangles_uv)
    (tile,), _ = by_layouts(head, target, SIZE, SIZE)
    size = (SIZE >> level,) * 2
    moved = Resampler(tile, SIZE)(uv_map).astype(np.float32)
    mip, share = (cv2.resize(values, size, interpolation=cv2.INTER_AREA) for values in (moved, tile.inside * 1.0))
    within = cv2.resize(moved * tile.inside[..., None], size, interpolation=cv2.INTER_AREA)
    charts = within / np.maximum(share, 1e-9)[..., None]
    partly = (share > 0) & (share < 1)
    assert np.abs(mip - charts).max(-1)[partly].max() <= 8
    if level == 4:
        assert outside_against_inside(tile, Resampler(tile, SIZE)(uv_map), level).max() <= 8


def test_triangles_in_other_tiles_of_the_layout_have_no_colour(head: Mesh, uv_map: np.ndarray) -> None:
    """As in upstream's FLAME_w_HIFI3D_UV.obj, whose eyeballs lie at u = 2..3."""
    eyes = np.arange(200)
    theirs = head.uv[head.triangles_uv[eyes]].reshape(-1, 2) + np.float32([2, 0])
    uv = np.concatenate([head.uv, theirs])
    triangles_uv = head.triangles_uv.copy()
    triangles_uv[eyes] = len(head.uv) + np.arange(600).reshape(-1, 3)
    layout = Mesh(head.vertices, uv, head.triangles, triangles_uv)
    (tile,), report = by_layouts(layout, head, SIZE, SIZE)
    assert report.without == 200
    moved = Resampler(tile, SIZE)(uv_map)
    np.testing.assert_array_equal(moved[tile.inside], uv_map[tile.inside])
    assert [found.number for found in tiles(layout, 64)] == [1001, 1003]
    with pytest.raises(ValueError, match="no triangle of the target layout has"):
        by_layouts(Mesh(head.vertices, head.uv + np.float32(3), head.triangles, head.triangles_uv), head, 64, 64)


def test_flipped_and_overlapping_triangles_are_counted(head: Mesh) -> None:
    triangles_uv = head.triangles_uv.copy()
    triangles_uv[:3] = triangles_uv[:3, ::-1]
    assert np.flatnonzero(flipped(head.uv, triangles_uv)).tolist() == [0, 1, 2]
    square = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
    twice = np.array([[0, 1, 2], [0, 2, 3], [0, 1, 2]])
    (tile,) = tiles(Mesh(np.zeros((4, 3), np.float32), square, twice, twice), 64)
    assert tile.overlaps == pytest.approx(64 * 64 / 2, abs=64)


def test_uv_coordinates_in_other_units_are_refused() -> None:
    triangle = np.array([[0, 1, 2]])
    for uv in (np.float32([[0, 0], [-3, 0], [-3, 1]]), np.float32([[0, 0], [1024, 0], [512, 700]])):
        with pytest.raises(ValueError, match="expected UDIM tiles"):
            list(tiles(Mesh(np.zeros((3, 3), np.float32), uv, triangle, triangle), 16))
