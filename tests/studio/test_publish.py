"""What the studio publishes: the published layout, the same bytes each time, truth that agrees with the codes."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import scipy.io
import torch
from PIL import Image
from tests.small_run import digests

from ffhq_uv.analysis.morphable import MorphableModel
from ffhq_uv.studio.codes import read
from ffhq_uv.studio.head import head
from ffhq_uv.studio.person import person
from ffhq_uv.studio.publish import normalised, photographed, publish, truth_of
from ffhq_uv.studio.render import true_map
from ffhq_uv.texture.topology import load_topology


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.slow
def test_the_same_arguments_give_the_same_bytes(archives: Path, tmp_path: Path) -> None:
    done: list[int] = []
    publish(tmp_path, people=5, reference=3, map_size=64, seed=3, progress=done.append)
    assert digests(tmp_path) == digests(archives)
    assert done == [1, 2, 3, 4, 5]


def test_the_tree_is_the_published_one(archives: Path) -> None:
    masks = ["center_face", "hair", "mouth_constract", "nosal_base", "nostril", "unwrap_1024_info"]
    masks += [f"{kind}_valid_{view}" for kind in ("major", "minor") for view in ("left", "front", "right", "whole")]
    assets = {f"{name}_mask.png" for name in masks} | {"template_base_uv.png", "hifi3dpp_mean_face.obj"}
    assets |= {"hifi3dpp_model_info.mat", "similarity_Lm3D_all.mat", "unwrap_1024_info.mat"}
    assert set(digests(archives)) == {f"topo_assets/{name}" for name in assets} | {
        "dataset/ffhq-uv/uv-maps/000.zip",
        "dataset/ffhq-uv/face-latents/000.zip",
        "dataset/ffhq-uv/meta-info.json",
        *(f"dataset_project/{name}.zip" for name in ("latents", "attributes", "attributes_ms_api", "lights")),
        "truth.parquet",
    }


def test_the_data_set_holds_codes_maps_and_attributes_of_the_same_people(archives: Path) -> None:
    data_set = archives / "dataset" / "ffhq-uv"
    info = json.loads((data_set / "meta-info.json").read_text())
    assert list(info) == [f"{k:06d}" for k in range(5)]
    maps, codes = members(data_set / "uv-maps" / "000.zip"), members(data_set / "face-latents" / "000.zip")
    for k, (id, record) in enumerate(info.items()):
        assert set(record) == {"Age", "Beard", "Gender", "Index-in-FFHQ"}
        views = normalised(3, k)
        for view, expected in zip(("left", "front", "right"), views, strict=True):
            saved = torch.load(io.BytesIO(codes[f"{id}/{id}_{view}_latent.pt"]), weights_only=True)
            assert torch.equal(saved["latent"][0], torch.from_numpy(expected))
            assert saved["attribute"].shape == (1, 17, 1, 1)
        one = person(views[1])
        assert abs(record["Age"] - one.age) < 8
        assert record["Gender"] == (one.male > 0.5)
        picture = np.asarray(Image.open(io.BytesIO(maps[f"{id}.png"])))
        assert (picture == true_map(views[1], 64)).all()


def test_the_project_folder_holds_the_same_people_as_photographed(archives: Path) -> None:
    info = json.loads((archives / "dataset" / "ffhq-uv" / "meta-info.json").read_text())
    project = archives / "dataset_project"
    latents = {name[:5]: data for name, data in members(project / "latents.zip").items()}
    attributes = {name[:5]: json.loads(data) for name, data in members(project / "attributes.zip").items()}
    lights = {name[:5]: np.load(io.BytesIO(data)) for name, data in members(project / "lights.zip").items()}
    assert len(latents) == 3
    assert set(latents) == set(attributes) == set(lights)
    known = [(k, info[f"{k:06d}"]["Index-in-FFHQ"]) for k in range(3)]
    assert sorted(index for _, index in known if index) == sorted(i for i in latents if i in dict(map(reversed, known)))
    for k, index in known:
        if index is None:
            continue
        code = torch.load(io.BytesIO(latents[index]), weights_only=True)[0].numpy()
        assert (code == photographed(3, k)).all()
        raw = read(code)
        assert attributes[index]["Yaw"] == pytest.approx(raw["yaw"][0], abs=6)
        np.testing.assert_allclose(lights[index].ravel(), raw["light"], atol=0.06)


def test_truth_agrees_with_the_codes(archives: Path) -> None:
    truth = pl.read_parquet(archives / "truth.parquet")
    assert truth.columns[:4] == ["id", "badly_lit", "smiling", "hidden_skin"]
    for row in truth.iter_rows(named=True):
        assert row == truth_of(row["id"], person(normalised(3, int(row["id"]))[1]))


def test_the_published_model_is_the_studio_head(archives: Path) -> None:
    assets = archives / "topo_assets"
    model = MorphableModel.load(assets / "hifi3dpp_model_info.mat")
    h = head()
    assert np.abs(model.mean.numpy() - h.mean).max() < 1e-6
    assert (model.triangles.numpy() == h.triangles).all()
    assert (model.vertex_faces.numpy() == h.vertex_faces).all()
    assert (model.keypoints.numpy() == h.keypoints).all()
    rng = np.random.default_rng(0)
    identity = rng.normal(size=h.identity.shape[2]).astype(np.float32)
    expression = rng.uniform(size=h.expression.shape[2]).astype(np.float32)
    moved = model.shape(torch.from_numpy(identity), torch.from_numpy(expression)).numpy()
    np.testing.assert_allclose(moved, h.shape(identity, expression), atol=1e-5)


def test_every_key_of_the_model_file_fits_its_head(archives: Path) -> None:
    m = scipy.io.loadmat(archives / "topo_assets" / "hifi3dpp_model_info.mat")
    n, faces, entries = len(head().mean), len(head().triangles), len(head().uv)
    assert m["meanshape"].shape == m["meantex"].shape == (1, 3 * n)
    assert m["idBase"].shape[0] == m["exBase"].shape[0] == m["texBase"].shape[0] == 3 * n
    assert m["head_tri"].shape == m["head_tri_vt"].shape == (faces, 3)
    assert m["tri"].shape == m["tri_vt"].shape
    assert 0 < len(m["tri"]) < faces
    assert m["point_buf"].shape == (n, 8)
    assert m["point_buf"].min() >= 1
    assert m["point_buf"].max() == faces + 1
    assert m["head_tri"].min() == m["tri_vt"].min() // m["tri_vt"].min() == 1
    assert m["vt_list"].shape == (entries, 2)
    assert m["vt_vtx_idx"].shape == (entries, 1)
    assert m["vt_vtx_idx"].min() == 0
    assert m["vtx_vt"].shape == (n, 2)
    assert m["vtx_uv_idx"].shape == (n, 1)
    assert m["uv_idx"].shape[1] == 2
    assert m["skinmask"].size == n
    lm = scipy.io.loadmat(archives / "topo_assets" / "similarity_Lm3D_all.mat")["lm"]
    shift = m["meanshape"].reshape(-1, 3).mean(0)
    np.testing.assert_allclose(lm - shift, head().mean[head().keypoints], atol=1e-5)


def test_the_topology_loads_and_its_masks_nest(archives: Path) -> None:
    topology = load_topology(archives / "topo_assets", 1024)
    masks = {name: mask > 0.5 for name, mask in topology.masks.items()}
    for view in ("left", "front", "right"):
        major, minor = masks[f"major_valid_{view}"], masks[f"minor_valid_{view}"]
        assert 0.05 < major.mean() < minor.mean() < 0.35
        assert not (major & ~minor).any()
        assert not (minor & masks["hair"]).any()
    columns = np.arange(1024)
    middle = {view: (masks[f"minor_valid_{view}"].sum(0) * columns).sum() / masks[f"minor_valid_{view}"].sum()
              for view in ("left", "front", "right")}  # fmt: skip
    assert middle["left"] < middle["front"] - 15 < middle["right"] - 30
    assert masks["minor_valid_left"][600, 300]
    assert not masks["major_valid_left"][500, 760]
    assert (masks["major_valid_right"] == masks["major_valid_left"][:, ::-1]).mean() > 0.99
    assert not (masks["nostril"] & ~masks["nosal_base"]).any()


@pytest.mark.parametrize("wrong", [{"people": 0}, {"reference": -1}, {"map_size": 8}])
def test_impossible_sizes_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        publish(tmp_path, **({"people": 1, "reference": 0, "map_size": 64, "seed": 1} | wrong))
