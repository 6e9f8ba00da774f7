"""Every published container gives the same generator; anything else gives one line."""

from __future__ import annotations

import argparse
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from stylegan2_files import (
    CONFIG_F,
    EVIDENCE,
    hostile_pickle,
    random_generator,
    rosinality_state,
    saved_on_cuda,
    tensorflow_variables,
    write_e4e,
    write_nvidia,
    write_rosinality,
    write_tensorflow,
)
from torch import Tensor

from ffhq_uv.__main__ import main
from ffhq_uv.generator.stylegan2 import (
    CheckpointError,
    StyleGAN2Generator,
    read_checkpoint,
    write_checkpoint,
)
from ffhq_uv.generator.stylegan2.checkpoints import Checkpoint
from ffhq_uv.tools.convert_checkpoint import convert

CHANNELS = {4: 6, 8: 5, 16: 4, 32: 3}
Write = Callable[[Path, dict[str, Tensor]], None]

CONTAINERS: dict[str, Write] = {
    "tensorflow": write_tensorflow,
    "tensorflow, protocol 2": lambda path, tensors: write_tensorflow(path, tensors, protocol=2),
    "nvidia": write_nvidia,
    "nvidia, protocol 3": lambda path, tensors: write_nvidia(path, tensors, protocol=3),
    "rosinality": write_rosinality,
    "rosinality, before zips": lambda path, tensors: write_rosinality(path, tensors, zipped=False),
    "e4e": write_e4e,
    "rosinality, training": lambda path, tensors: torch.save(
        {
            "g": rosinality_state(tensors),
            "g_ema": {f"module.{name}": value for name, value in rosinality_state(tensors).items()},
            "g_optim": {"state": {0: {"step": np.float64(3)}}},
            "args": argparse.Namespace(size=32, lr=0.002),
            "latent_avg": tensors["mapping.w_avg"],
        },
        path,
    ),
}


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return random_generator(CHANNELS)


@pytest.mark.slow
@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_holds_the_same_generator(container: str, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    path = tmp_path / "generator.bin"  # told apart by content
    CONTAINERS[container](path, tensors)
    checkpoint = read_checkpoint(path)
    assert checkpoint.tensors.keys() == tensors.keys()
    for name, value in tensors.items():
        # TensorFlow's style biases are stored without their 1: one rounding
        torch.testing.assert_close(checkpoint.tensors[name], value, rtol=0, atol=1.2e-7)
    assert checkpoint.mapping_lr == 0.01
    assert checkpoint.clamp is None
    convert(path, tmp_path / "own.safetensors")
    again = read_checkpoint(tmp_path / "own.safetensors")
    assert all(torch.equal(again.tensors[name], value) for name, value in checkpoint.tensors.items())
    codes = torch.randn(1, 1, 8, 512, generator=torch.Generator().manual_seed(0))
    faces = [StyleGAN2Generator(each)(codes, ["a"])[0].int() for each in (path, tmp_path / "own.safetensors")]
    assert torch.equal(*faces)
    write_checkpoint(tmp_path / "reference.safetensors", Checkpoint(tensors, "test"))
    reference = StyleGAN2Generator(tmp_path / "reference.safetensors")(codes, ["a"])[0].int()
    assert (faces[0] - reference).abs().max() <= (1 if "tensorflow" in container else 0)


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module."])
@pytest.mark.parametrize("key", [None, "g_ema", "params_ema", "ema"])
def test_an_averaged_generator_alone_is_enough_to_draw(
    prefix: str, key: str | None, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    state = {f"{prefix}{name}": value for name, value in rosinality_state(tensors).items()}
    torch.save(state if key is None else {key: state}, tmp_path / "x.pt")
    checkpoint = read_checkpoint(tmp_path / "x.pt")
    assert "without an average code" in checkpoint.container
    assert all(
        torch.equal(value, checkpoint.tensors[name]) for name, value in tensors.items() if name != "mapping.w_avg"
    )


def test_a_conditional_network_is_drawn_without_its_labels(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    labelled = tensors | {"mapping.embed.weight": torch.ones(512, 7), "mapping.embed.bias": torch.ones(512)}
    labelled["mapping.fc0.weight"] = torch.ones(512, 1024)
    write_nvidia(tmp_path / "x.pkl", labelled)
    codes = torch.zeros(1, 1, 8, 512)
    write_nvidia(tmp_path / "y.pkl", tensors)
    faces = [StyleGAN2Generator(tmp_path / name)(codes, ["a"])[0] for name in ("x.pkl", "y.pkl")]
    assert torch.equal(*faces)


def test_a_bare_state_dict_must_be_told_its_clamp(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(dict(tensors), tmp_path / "x.pt")
    assert "clamp=none, or clamp=256" in _refused(tmp_path / "x.pt")
    for word, clamp in (("none", None), ("256", 256.0)):
        assert main(["convert-checkpoint", str(tmp_path / "x.pt"), str(tmp_path / "y"), f"clamp={word}"]) == 0
        assert read_checkpoint(tmp_path / "y").clamp == clamp
    assert main(["convert-checkpoint", str(tmp_path / "x.pt"), str(tmp_path / "y"), "clamp=much"]) == 2


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (
            lambda t: {"synthesis.input.freqs": torch.ones(4, 2), "synthesis.L0_36_512.weight": torch.ones(1)},
            "StyleGAN3",
        ),
        (lambda t: t | {"synthesis.b8.skip.weight": torch.ones(1)}, "resnet"),
        (lambda t: {n: v for n, v in t.items() if ".torgb." not in n or ".b32." in n}, "orig architecture"),
        (lambda t: {n: v for n, v in t.items() if ".noise_" not in n}, "without noise"),
    ],
)
def test_generators_of_other_kinds_are_refused_by_their_kind(
    change: Callable[[dict[str, Tensor]], dict[str, Tensor]], kind: str, tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    torch.save(change(tensors), tmp_path / "x.pt")
    assert kind in _refused(tmp_path / "x.pt")
    write_checkpoint(tmp_path / "y", Checkpoint(change(tensors), "test"))
    assert kind in _refused(tmp_path / "y")


@pytest.mark.parametrize("write", [write_rosinality, write_e4e])
def test_what_was_saved_on_a_gpu_opens_without_one(write: Write, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write(tmp_path / "a.pt", tensors)
    saved_on_cuda(tmp_path / "a.pt")
    assert torch.equal(read_checkpoint(tmp_path / "a.pt").tensors["mapping.w_avg"], tensors["mapping.w_avg"])


def test_the_clamp_and_the_learning_rate_survive_conversion(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write_nvidia(tmp_path / "a.pkl", tensors, clamp=256)
    convert(tmp_path / "a.pkl", tmp_path / "b.safetensors")
    assert read_checkpoint(tmp_path / "b.safetensors").clamp == 256


def test_conversion_is_deterministic(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write_tensorflow(tmp_path / "a.pkl", tensors)
    for name in ("b", "c"):
        convert(tmp_path / "a.pkl", tmp_path / name)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.pkl", "b", "c"]


def test_the_writers_here_write_the_published_names() -> None:
    """The table of all variables of config-f at 1024: how many, and shapes of some."""
    full = random_generator({size: max(1, width // 64) for size, width in CONFIG_F.items()}, mapping_layers=8)
    variables = tensorflow_variables(full)
    assert len(variables) == 157
    assert variables["synthesis/1024x1024/Conv0_up/weight"].shape == (3, 3, 1, 1)
    assert variables["synthesis/8x8/ToRGB/mod_weight"].shape == (512, 8)
    assert variables["synthesis/noise16"].shape == (1, 1, 1024, 1024)
    assert variables["synthesis/noise15"].shape == (1, 1, 1024, 1024)
    assert variables["synthesis/noise0"].shape == (1, 1, 4, 4)
    state = rosinality_state(full)
    assert state["convs.15.conv.weight"].shape == (1, 1, 1, 3, 3)
    assert state["to_rgbs.7.bias"].shape == (1, 3, 1, 1)
    assert state["noises.noise_16"].shape == (1, 1, 1024, 1024)
    assert "style.8.weight" in state


def _refused(path: Path) -> str:
    with pytest.raises((CheckpointError, FileNotFoundError)) as caught:
        read_checkpoint(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty file"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n", "neither a pickle"),
        (hostile_pickle(), "refuses GLOBAL posix.system"),
        (pickle.dumps({"G_ema": 3}), "pickle of something else"),
        (pickle.dumps([1, 2]), "pickle of something else"),
    ],
    ids=["empty", "web page", "LFS pointer", "HDF5", "hostile", "other dict", "list"],
)
def test_what_is_no_checkpoint_is_named(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(content)
    message = _refused(tmp_path / "x.pkl")
    assert says in message
    assert "expected a StyleGAN2 generator" in message
    assert not EVIDENCE.exists()


def test_a_torch_file_that_would_run_code_is_refused_by_name(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return print, ("executed",)

    torch.save({"g_ema": Evil()}, tmp_path / "x.pt")
    assert "refuses GLOBAL __builtin__.print; only weights are data" in _refused(tmp_path / "x.pt")


def test_other_files_of_the_project_are_told_apart(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save({"net_recon": {}, "opt_00": 1}, tmp_path / "epoch_latest.pth")
    assert "it holds net_recon, opt_00" in _refused(tmp_path / "epoch_latest.pth")
    torch.save(torch.zeros(1, 18, 512), tmp_path / "latent.pt")
    assert "holds a Tensor" in _refused(tmp_path / "latent.pt")
    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors")
    assert "something else" in _refused(tmp_path / "x.safetensors")
    assert "no such checkpoint" in _refused(tmp_path / "missing.pkl")


def test_missing_unknown_misshapen_and_non_finite_parameters_are_named(
    tensors: dict[str, Tensor], tmp_path: Path
) -> None:
    def refused(changed: dict[str, Tensor]) -> str:
        write_checkpoint(tmp_path / "x", Checkpoint(changed, "test"))
        return _refused(tmp_path / "x")

    name = "synthesis.b16.conv0.affine.bias"
    assert f"{name} is missing" in refused({key: value for key, value in tensors.items() if key != name})
    assert "synthesis.b8.more.weight is not known" in refused({**tensors, "synthesis.b8.more.weight": torch.ones(1)})
    assert f"{name} has shape (4,), expected (5,)" in refused({**tensors, name: torch.ones(4)})
    assert f"{name} holds NaN" in refused({**tensors, name: torch.full((5,), np.nan)})


def test_another_resampling_filter_is_refused(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    state = rosinality_state(tensors)
    state["convs.0.conv.blur.kernel"] = torch.ones(4, 4) / 4
    torch.save({"g_ema": state, "latent_avg": torch.zeros(512)}, tmp_path / "x.pt")
    assert "another resampling filter" in _refused(tmp_path / "x.pt")


@pytest.mark.parametrize("container", [*CONTAINERS, "own"])
def test_a_truncated_file_is_one_line(container: str, tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write: Write = lambda path, all_: write_checkpoint(path, Checkpoint(all_, "test"))  # noqa: E731
    CONTAINERS.get(container, write)(tmp_path / "x", tensors)
    content = (tmp_path / "x").read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9, 0.9999):
        (tmp_path / "x").write_bytes(content[: int(share * len(content))])
        _refused(tmp_path / "x")


@given(data=st.data())
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("container", ["tensorflow", "nvidia", "rosinality, before zips"])
def test_a_damaged_pickle_is_read_or_refused(
    container: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Flipped bytes, most of them in the pickle's program: an answer or one line, never another exception."""
    path = tmp_path_factory.getbasetemp() / "damaged"
    CONTAINERS[container](path, random_generator({4: 2}, width=8))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    try:
        read_checkpoint(path)
    except CheckpointError as error:
        message = str(error)
    else:
        message = ""
    assert "\n" not in message


def test_our_own_file_says_what_it_came_from(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", Checkpoint(tensors, "somewhere"))
    content = (tmp_path / "x").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header["__metadata__"]["ffhq_uv.stylegan2"])
    assert about == {"mapping_lr": 0.01, "clamp": None, "source": "somewhere"}
