"""Reading ``topo_assets/``: what is written comes back, and what is wrong is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from dome import dome, dome_geometry, dome_topology, smooth_faces
from PIL import Image

from ffhq_uv.texture.export import obj_file
from ffhq_uv.texture.faithful import FaithfulTexturer
from ffhq_uv.texture.mesh import Mesh
from ffhq_uv.texture.published import PublishedTexturer
from ffhq_uv.texture.topology import MASKS, load_topology

SIZE = 1024


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dome's assets as they would be published."""
    folder = tmp_path_factory.mktemp("topo_assets")
    write_info(folder)
    topology = dome_topology(SIZE)
    for name, mask in topology.masks.items():
        Image.fromarray((mask * 255).astype(np.uint8)).save(folder / f"{name}_mask.png")
    Image.fromarray(topology.template).save(folder / "template_base_uv.png")
    scipy.io.savemat(
        folder / "unwrap_1024_info.mat",
        {"uv_idx_v_idx": topology.unwrap_index, "uv_idx_bw": topology.unwrap_weight},
        do_compression=True,
    )
    Image.fromarray((topology.inside * 255).astype(np.uint8)).save(folder / "unwrap_1024_info_mask.png")
    return folder


def write_info(folder: Path, **changes: Any) -> None:
    vertices, uv, triangles = dome()
    info = {
        "meanshape": vertices.reshape(1, -1),
        "head_tri": triangles + 1,
        "head_tri_vt": triangles + 1,
        "vt_list": uv,
    }
    scipy.io.savemat(folder / "hifi3dpp_model_info.mat", info | changes)


@pytest.fixture
def assets(published: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    for file in published.iterdir():
        (tmp_path / file.name).hardlink_to(file)
    return tmp_path


def replace(path: Path, write: Callable[[Path], None]) -> None:
    path.unlink()  # a hard link: never write through it
    write(path)


def test_published_assets_come_back(published: Path) -> None:
    found, expected = load_topology(published, SIZE), dome_topology(SIZE)
    assert found.vertices == expected.vertices
    assert found.size == SIZE
    for name in ("triangles", "uv", "triangles_uv", "unwrap_index", "inside", "template"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    np.testing.assert_array_equal(found.unwrap_weight, expected.unwrap_weight)
    for name in MASKS:
        np.testing.assert_array_equal(found.masks[name], expected.masks[name], err_msg=name)
    assert found.minor_union[512, 512]
    assert not found.minor_union[0].any()


def test_any_map_size_is_rasterised(published: Path) -> None:
    found, expected = load_topology(published, 96), dome_topology(96)
    np.testing.assert_array_equal(found.unwrap_index, expected.unwrap_index)
    assert found.template.shape == (96, 96, 3)
    assert np.abs(found.masks["hair"] - expected.masks["hair"]).mean() < 0.01


def test_unwrap_info_is_optional(assets: Path) -> None:
    whole = load_topology(assets, SIZE)
    (assets / "unwrap_1024_info.mat").unlink()
    np.testing.assert_array_equal(load_topology(assets, SIZE).unwrap_index, whole.unwrap_index)


def test_unwrap_info_of_a_flipped_map_is_refused(assets: Path) -> None:
    topology = dome_topology(SIZE)
    flipped = {"uv_idx_v_idx": topology.unwrap_index[::-1], "uv_idx_bw": topology.unwrap_weight[::-1]}
    replace(assets / "unwrap_1024_info.mat", lambda path: scipy.io.savemat(path, flipped))
    with pytest.raises(ValueError, match="different meshes"):
        load_topology(assets, SIZE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head_tri": dome()[2]}, r"head_tri holds 0\.\..*, expected indices 1\.\."),
        ({"meanshape": np.zeros((1, 10))}, "10 values, expected 3"),
        ({"vt_list": np.full((957, 2), np.nan)}, "finite UV"),
        ({"head_tri_vt": dome()[2][1:] + 1}, r"expected \[F, 3\] both"),
        ({"head_tri": np.array([{}], object)}, "no numeric array 'head_tri'"),
    ],
)
def test_wrong_model_info_is_named(assets: Path, changes: dict[str, Any], message: str) -> None:
    replace(assets / "hifi3dpp_model_info.mat", lambda path: write_info(assets, **changes))
    with pytest.raises(ValueError, match=message) as caught:
        load_topology(assets, 64)
    assert "hifi3dpp_model_info.mat" in str(caught.value)


@pytest.mark.parametrize("name", ["hair_mask.png", "template_base_uv.png", "hifi3dpp_model_info.mat"])
def test_missing_and_damaged_files_are_named(assets: Path, name: str) -> None:
    content = (assets / name).read_bytes()
    replace(assets / name, lambda path: path.write_bytes(content[: len(content) // 2]))
    with pytest.raises(ValueError, match=name):
        load_topology(assets, 64)
    (assets / name).unlink()
    with pytest.raises(FileNotFoundError, match=name):
        load_topology(assets, 64)


def test_coloured_and_oblong_masks_are_refused(assets: Path) -> None:
    coloured = np.zeros((8, 8, 3), np.uint8)
    coloured[2, 2, 0] = 255
    replace(assets / "hair_mask.png", Image.fromarray(coloured).save)
    with pytest.raises(ValueError, match="channels differ"):
        load_topology(assets, 64)
    replace(assets / "hair_mask.png", Image.fromarray(np.zeros((8, 9), np.uint8)).save)
    with pytest.raises(ValueError, match="9x8 pixels, expected a square"):
        load_topology(assets, 64)


@pytest.fixture
def as_obj(assets: Path) -> Path:
    """The dome's assets with an OBJ in place of the model, and without its unwrap info."""
    vertices, uv, triangles = dome()
    mesh = Mesh(vertices.astype(np.float32), uv.astype(np.float32), triangles, triangles)
    (assets / "dome.obj").write_bytes(obj_file(mesh, "dome"))
    for name in ("hifi3dpp_model_info.mat", "unwrap_1024_info.mat", "unwrap_1024_info_mask.png"):
        (assets / name).unlink()
    return assets


def test_any_mesh_with_uvs_is_a_topology(as_obj: Path) -> None:
    found, expected = load_topology(as_obj, SIZE), dome_topology(SIZE)
    for name in ("triangles", "uv", "triangles_uv", "unwrap_index", "inside", "template"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.vertices == expected.vertices
    np.testing.assert_array_equal(found.minor_union, expected.minor_union)


def test_triangles_in_other_tiles_are_left_out_with_a_count(as_obj: Path) -> None:
    expected = load_topology(as_obj, SIZE)
    path = as_obj / "dome.obj"
    eyeball = "v 0 0 9\nv 1 0 9\nv 0 1 9\nvt 1.2 0.2\nvt 1.8 0.2\nvt 1.2 0.8\nf -3/-3 -2/-2 -1/-1\n"
    path.write_text(path.read_text() + eyeball)
    with pytest.warns(UserWarning, match=r"dome\.obj: 1 of [\d,]+ triangles have UV coordinates outside"):
        found = load_topology(as_obj, SIZE)
    assert found.vertices == expected.vertices + 3
    np.testing.assert_array_equal(found.triangles, expected.triangles)
    np.testing.assert_array_equal(found.unwrap_index, expected.unwrap_index)
    assert 0 <= found.uv.min() <= found.uv.max() <= 1
    path.write_text(
        "\n".join(line for line in path.read_text().splitlines() if line[:2] != "f ") + "\nf -3/-3 -2/-2 -1/-1"
    )
    with pytest.raises(ValueError, match="no triangle has its UV coordinates"):
        load_topology(as_obj, SIZE)


def test_masks_that_an_obj_does_not_have_are_the_whole_mesh_or_nothing(as_obj: Path) -> None:
    for name in MASKS:
        (as_obj / f"{name}_mask.png").unlink()
    found = load_topology(as_obj, 128)
    np.testing.assert_array_equal(found.minor_union, found.inside)
    assert not any(found.masks[name].any() for name in ("hair", "nostril", "mouth_constract"))
    faces, geometry = smooth_faces(3, 1, 320), dome_geometry(320)
    for texturer in (PublishedTexturer(found), FaithfulTexturer(found)):
        textures = texturer(faces, geometry)
        assert textures.reasons == (None,)
        assert textures.coverage.any(1).float().mean() > 0.1


def test_two_meshes_and_no_mesh_are_errors(as_obj: Path) -> None:
    (as_obj / "other.obj").write_text("")
    with pytest.raises(ValueError, match=r"2 \.obj files.*dome\.obj, other\.obj"):
        load_topology(as_obj, 64)
    (as_obj / "other.obj").unlink()
    (as_obj / "dome.obj").unlink()
    with pytest.raises(FileNotFoundError, match=r"hifi3dpp_model_info\.mat.*or an \.obj file"):
        load_topology(as_obj, 64)
