"""Deep3D: the published names and shapes, and the numbers of a plain evaluation of its formulas."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from ffhq_uv.analysis.deep3d_network import AMBIENT, load_deep3d
from ffhq_uv.networks import WeightsError
from published_networks import Plain, deep3d, published_files, random_state


def write(folder: Path, content: object) -> Path:
    path = folder / "epoch_latest.pth"
    torch.save(content, path)
    return path


@pytest.mark.slow
def test_the_published_file_loads_whole_and_computes_what_it_says(tmp_path: Path) -> None:
    state = random_state(deep3d())
    network = load_deep3d(write(tmp_path, {"net_recon": state}))
    crops = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    plain = Plain(state)
    pooled = plain.resnet("backbone", crops.double(), (3, 4, 6, 3), convs=3)[-1].mean((2, 3), keepdim=True)
    heads = {
        name: plain.conv(f"final_layers.{name}", pooled)[:, :, 0, 0] for name in ["0", "1.0", "2", "3", "4", "5", "6"]
    }
    heads["1.0"] = heads["1.0"].relu()
    expected = torch.cat(list(heads.values()), dim=1)
    assert expected.shape == (2, 1049)
    with torch.inference_mode():
        torch.testing.assert_close(network(crops).double(), expected, atol=1e-3, rtol=1e-4)
        found = network.coefficients(crops)
    light = heads["4"].reshape(2, 3, 9) + torch.tensor([AMBIENT, *[0.0] * 8])
    for part, wanted in (
        (found.identity, heads["0"]),
        (found.expression, heads["1.0"]),
        (found.texture, heads["2"]),
        (found.angle, heads["3"]),
        (found.light, light),
        (found.translation, torch.cat([heads["5"], heads["6"]], dim=1)),
    ):
        torch.testing.assert_close(part.double(), wanted, atol=1e-3, rtol=1e-4)
    assert (found.expression == 0).any()  # the ReLU of the second head


@pytest.mark.slow
def test_training_state_beside_the_network_is_no_obstacle_and_other_basis_sizes_are_read(tmp_path: Path) -> None:
    _, content, _ = next(published_files(30, 9))
    network = load_deep3d(write(tmp_path, content))
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 30 + 9 + 439 + 33)


@pytest.mark.slow
def test_another_deep3d_is_refused(tmp_path: Path) -> None:
    state = random_state(deep3d())
    plain_head = {name.replace("final_layers.1.0.", "final_layers.1."): value for name, value in state.items()}
    with pytest.raises(WeightsError, match=r"final_layers\.1\.0\.weight is missing"):
        load_deep3d(write(tmp_path, {"net_recon": plain_head}))
    with pytest.raises(WeightsError, match="expected a state dict under 'net_recon'"):
        load_deep3d(write(tmp_path, {"state_dict": state}))
