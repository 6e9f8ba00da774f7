"""The generator as the stages call it, and the command that draws a folder of latents."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from stylegan2_files import random_generator
from torch import Tensor

from ffhq_uv.__main__ import main
from ffhq_uv.generator.stylegan2 import StyleGAN2Generator, to_uint8, to_uint8_truncated, write_checkpoint
from ffhq_uv.generator.stylegan2.checkpoints import Checkpoint
from ffhq_uv.generator.stylegan2.compiled import compiled
from ffhq_uv.generator.stylegan2.noise import published_noise, set_noise
from ffhq_uv.geometry import VIEWS
from ffhq_uv.networks.native import _built, native
from ffhq_uv.tools.faces import make_faces

CHANNELS = {4 << step: 4 for step in range(9)}  # 18 style inputs, as published, but narrow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "small.safetensors"
    write_checkpoint(path, Checkpoint(random_generator({4: 8, 8: 6, 16: 4}), "test"))
    return path


def codes(samples: int, views: int, layers: int = 6) -> Tensor:
    return torch.randn(samples, views, layers, 512, generator=torch.Generator().manual_seed(3))


def test_the_published_noise_stream() -> None:
    noise = published_noise([4, 8, 8, *np.repeat([16, 32, 64, 128, 256, 512, 1024], 2).tolist()])
    assert len(noise) == 17
    assert sum(image.numel() for image in noise) == 2_796_176
    for index, first, last in ((0, 1.76405235, 0.33367433), (1, 1.49407907, 0.05616533)):
        np.testing.assert_allclose(noise[index].flatten()[[0, -1]], [first, last], atol=1e-7)
    np.testing.assert_allclose(noise[2][0, 0], -1.16514984, atol=1e-7)
    np.testing.assert_allclose(noise[15].flatten()[[0, -1]], [-1.21972406, 0.10950952], atol=1e-7)
    np.testing.assert_allclose(noise[16].flatten()[[0, -1]], [-0.02830145, 0.00899906], atol=1e-7)


def test_bytes_are_rounded_as_in_the_third_step() -> None:
    image = torch.tensor([-1.0, 0.0, 0.99999, 1.0, -3.0, 3.0]).reshape(1, 1, 1, 6).expand(1, 3, 1, 6)
    assert to_uint8(image)[0, 0, :, 0].tolist() == [0, 128, 255, 255, 0, 255]


@pytest.mark.parametrize("noise", ["published", "checkpoint", "none", "seed"])
def test_the_noise_options_put_that_noise_in_every_layer(noise: str) -> None:
    tensors = random_generator({4: 4, 8: 3})
    _, network = Checkpoint(tensors, "test").networks()
    set_noise(network, noise, seed=5)  # type: ignore[arg-type]
    first = network.layers()[0].noise_const
    if noise == "published":
        np.testing.assert_allclose(first[0, :3], [1.76405235, 0.40015721, 0.97873798], atol=1e-7)
    elif noise == "checkpoint":
        assert torch.equal(first, tensors["synthesis.b4.conv1.noise_const"])
    elif noise == "none":
        assert not any(layer.noise_const.any() for layer in network.layers())
    else:
        again = Checkpoint(tensors, "test").networks()[1]
        set_noise(again, "seed", seed=6)
        assert not torch.equal(first, again.layers()[0].noise_const)
        set_noise(again, "seed", seed=5)
        assert torch.equal(first, again.layers()[0].noise_const)


def test_faces_do_not_depend_on_the_batch_they_are_drawn_in(checkpoint: Path) -> None:
    latents = codes(5, 3)
    generator = StyleGAN2Generator(checkpoint, batch=4)
    faces, reasons = generator(latents, list("abcde"))
    assert faces.shape == (5, 3, 16, 16, 3)
    assert reasons == (None,) * 5
    for sample in range(5):
        assert torch.equal(generator(latents[sample : sample + 1], ["x"])[0][0], faces[sample])
    single = StyleGAN2Generator(checkpoint, batch=1)(latents, list("abcde"))[0]
    assert (single.int() - faces.int()).abs().max() <= 1


def test_a_sample_with_nan_has_a_reason_and_harms_no_other(checkpoint: Path) -> None:
    latents = codes(3, 3)
    generator = StyleGAN2Generator(checkpoint)
    fine, _ = generator(latents, list("abc"))
    latents[1, 2, 3, 4] = torch.nan
    faces, reasons = generator(latents, list("abc"))
    assert reasons == (None, "latent_nonfinite", None)
    assert torch.equal(faces[[0, 2]], fine[[0, 2]])
    assert not faces[1].any()
    latents[:] = torch.inf
    assert generator(latents, list("abc"))[1] == ("latent_nonfinite",) * 3


def test_codes_of_another_network_are_an_error(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match=r"draws 16 x 16 from \[samples, views, 6, 512\]"):
        StyleGAN2Generator(checkpoint)(codes(1, 3, layers=18), ["a"])
    with pytest.raises(ValueError, match="expected published, checkpoint, none or seed"):
        StyleGAN2Generator(checkpoint, noise="random")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="expected one of float32"):
        StyleGAN2Generator(checkpoint, precision="double")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def wide_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of enough channels for the native layers."""
    path = tmp_path_factory.mktemp("checkpoint") / "wide.safetensors"
    write_checkpoint(path, Checkpoint(random_generator({4: 32, 8: 32, 16: 32, 32: 64, 64: 32}), "test"))
    return path


def test_the_compiled_generator_draws_the_same(wide_checkpoint: Path) -> None:
    latents = codes(2, 1, layers=10)
    eager = StyleGAN2Generator(wide_checkpoint)
    fast = StyleGAN2Generator(wide_checkpoint, compile=True)
    assert (fast(latents, list("ab"))[0].int() - eager(latents, list("ab"))[0].int()).abs().max() <= 1
    images = [each._synthesize(latents[:, 0]) for each in (eager, fast)]
    torch.testing.assert_close(*images, atol=1e-5, rtol=0)


@pytest.mark.parametrize("compile", [False, True])
def test_bfloat16_stays_within_half_a_grey_level_on_average(wide_checkpoint: Path, compile: bool) -> None:
    if compile and not native().bfloat16:
        pytest.skip("this processor does not multiply bfloat16")
    latents = codes(4, 1, layers=10)
    exact = StyleGAN2Generator(wide_checkpoint)(latents, list("abcd"))[0]
    half = StyleGAN2Generator(wide_checkpoint, precision="bfloat16", compile=compile)(latents, list("abcd"))[0]
    difference = (half.float() - exact.float()).abs().mean()
    assert 0 < difference < 0.5


def test_what_this_processor_cannot_multiply_is_an_error(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="precision: float16 with compile: true, but this processor cannot"):
        StyleGAN2Generator(checkpoint, precision="float16", compile=True)


@pytest.mark.slow
def test_the_library_is_built_once_for_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    library = _built()
    assert [path.name for path in (tmp_path / "cache" / "ffhq_uv").iterdir()] == [library.name]
    built = library.stat().st_mtime_ns
    assert _built() == library
    assert library.stat().st_mtime_ns == built


def test_without_a_working_compiler_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\n[ $1 = --version ] || { echo 'no such header' >&2; exit 1; }\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(RuntimeError, match=r"cannot build winograd\.cpp: no such header; set compile: false"):
        _built()
    assert not list((tmp_path / "cache" / "ffhq_uv").iterdir())
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(RuntimeError, match=r"no C\+\+ compiler; install g\+\+ or clang\+\+"):
        _built()


@pytest.mark.slow
def test_torch_compile_takes_the_network_as_one_graph(checkpoint: Path) -> None:
    """What a GPU draws with."""
    network = StyleGAN2Generator(checkpoint).network
    latents = codes(1, 1)[0]
    torch.testing.assert_close(compiled(network)(latents), network(latents), atol=1e-5, rtol=0)


class Brightness:
    """Draws a code as one grey: its first number. Counts what it draws."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def __call__(self, latents: Tensor, ids: Sequence[str]) -> tuple[Tensor, tuple[str | None, ...]]:
        self.drawn += ids
        fine = latents.isfinite().flatten(1).all(1)
        grey = latents[:, :, 0, 0].nan_to_num().to(torch.uint8)
        faces = grey[:, :, None, None, None].expand(-1, -1, 2, 2, 3).contiguous()
        return faces, tuple(None if ok else "latent_nonfinite" for ok in fine.tolist())


def latent(path: Path, grey: float, as_dict: bool = True) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    code = torch.full((1, 18, 512), float(grey))
    torch.save({"latent": code, "attribute": torch.zeros(1, 17, 1, 1)} if as_dict else code, path)


@pytest.fixture
def layouts(tmp_path: Path) -> Path:
    """Every published shape of a folder of latents, and what goes wrong in one."""
    root = tmp_path / "latents"
    latent(root / "000/000123/000123_left_latent.pt", 10)
    latent(root / "000/000123/000123_front_latent.pt", 20)
    latent(root / "01223/01223_right_latent.pt", 30)
    latent(root / "00007.v2.pt", 40, as_dict=False)
    latent(tmp_path / "member.pt", 50)
    with zipfile.ZipFile(root / "054.zip", "w") as archive:
        archive.write(tmp_path / "member.pt", "054001/054001_left_latent.pt")
        archive.write(tmp_path / "member.pt", "054/054002/054002_left_latent.pt")
    latent(root / "001/001000/001000_front_latent.pt", float("nan"))
    (root / "001/001001").mkdir()
    (root / "001/001001/001001_front_latent.pt").write_bytes(b"PK\x03\x04 cut")
    return root


def test_latents_are_drawn_into_the_mirrored_layout(layouts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = make_faces(layouts, out, Brightness(), batch=2)
    pictures = {
        path.relative_to(out).as_posix(): int(np.asarray(Image.open(path))[0, 0, 0]) for path in out.rglob("*.png")
    }
    assert pictures == {
        "000/000123/000123_left.png": 10,
        "000/000123/000123_front.png": 20,
        "01223/01223_right.png": 30,
        "00007.png": 40,
        "054/054001/054001_left.png": 50,
        "054/054002/054002_left.png": 50,
    }
    assert summary.drawn == 6
    assert json.loads((out / "failures.json").read_text()) == summary.failures
    assert summary.failures.keys() == {
        "001/001000/001000_front_latent.pt",
        "001/001001/001001_front_latent.pt",
    }
    assert summary.failures["001/001000/001000_front_latent.pt"] == "latent_nonfinite"


def test_a_second_run_draws_only_what_is_missing(layouts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_faces(layouts, out, Brightness(), batch=8)
    os.remove(out / "00007.png")
    (out / ".00007.png.abcd1234.part").write_bytes(b"half")
    (layouts / "001/001001/001001_front_latent.pt").unlink()
    latent(layouts / "001/001000/001000_front_latent.pt", 60)
    again = Brightness()
    summary = make_faces(layouts, out, again, batch=8)
    assert sorted(again.drawn) == ["00007.v2.pt", "001/001000/001000_front_latent.pt"]
    assert (summary.drawn, summary.found, summary.failures) == (2, 5, {})
    assert not (out / "failures.json").exists()
    assert [path.name for path in out.glob(".*")] == [".drawn.jsonl"]


def test_a_zip_is_drawn_without_its_own_name(layouts: Path, tmp_path: Path) -> None:
    make_faces(layouts / "054.zip", tmp_path / "out", Brightness(), batch=8)
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png")}
    assert names == {"054001/054001_left.png", "054/054002/054002_left.png"}


def test_another_code_or_generator_draws_again_and_nothing_else_does(layouts: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make_faces(layouts, out, Brightness(), batch=8, key="one")
    latent(layouts / "00007.v2.pt", 90, as_dict=False)
    again = Brightness()
    assert make_faces(layouts, out, again, batch=8, key="one").drawn == 1
    assert again.drawn[0] == "00007.v2.pt"
    assert int(np.asarray(Image.open(out / "00007.png"))[0, 0, 0]) == 90
    assert make_faces(layouts, out, Brightness(), batch=8, key="other").drawn == 6
    (out / ".drawn.jsonl").unlink()
    summary = make_faces(layouts, out, Brightness(), batch=8, key="other")
    assert summary.drawn == 0  # pictures of somebody else are never written over
    assert "was not drawn by this tool" in summary.failures["00007.v2.pt"]


def test_batches_views_and_names_to_the_first_dot(tmp_path: Path) -> None:
    root = tmp_path / "codes"
    root.mkdir()
    values = np.arange(12, dtype=np.float32)[:, None, None] * np.ones((1, 18, 512), np.float32)
    np.save(root / "new.npy", values.reshape(4, 3, 18, 512))
    np.savez(root / "batch.npz", w=values[:2])
    np.save(root / "w.npy", values[7, :1])
    torch.save(torch.from_numpy(values[5]).double(), root / "my.face.pt")
    torch.save(torch.from_numpy(values[6]), root / "000123.left.pt")  # as pack writes it
    (root / "000123.json").write_text("{}")
    summary = make_faces(root, tmp_path / "out", Brightness(), batch=5)
    grey = {
        path.relative_to(tmp_path / "out").as_posix(): int(np.asarray(Image.open(path))[0, 0, 0])
        for path in (tmp_path / "out").rglob("*.png")
    }
    views = {f"new/{n:06d}/{n:06d}_{view}.png": 3 * n + at for n in range(4) for at, view in enumerate(VIEWS)}
    assert grey == views | {
        "batch/000000.png": 0,
        "batch/000001.png": 1,
        "w.png": 7,
        "my.png": 5,
        "000123_left.png": 6,
    }
    assert summary.passed_over == {"000123.json": "no file of codes"}


def test_nothing_drawn_is_an_error_with_the_reason(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    latent(tmp_path / "latents/000001.pt", 5)
    words = ["faces", "latents=latents", "out=out", "generator=stylegan2", f"generator.checkpoint={checkpoint}"]
    assert main(words) == 1
    assert "no face drawn of 1 codes: W+ codes of shape (1, 1, 18, 512)" in capsys.readouterr().err
    torch.save(torch.zeros(6, 512), tmp_path / "latents/000001.pt")
    assert main(words) == 0  # as many layers as this small network has
    (tmp_path / "none").mkdir()
    assert main([words[0], "latents=none", *words[2:]]) == 1


@pytest.mark.slow
@pytest.mark.skipif("FFHQ_UV_EXAMPLE" not in os.environ, reason="FFHQ_UV_EXAMPLE is not set")
def test_the_published_latents_go_through_the_real_generator(tmp_path: Path) -> None:
    example = Path(os.environ["FFHQ_UV_EXAMPLE"], "dataset_project", "edit")
    write_checkpoint(tmp_path / "narrow", Checkpoint(random_generator(CHANNELS), "test"))
    summary = make_faces(example, tmp_path / "out", StyleGAN2Generator(tmp_path / "narrow"), batch=3)
    assert (summary.drawn, summary.failures) == (3, {})
    for view in ("left", "front", "right"):
        assert Image.open(tmp_path / f"out/01223/01223_{view}.png").size == (1024, 1024)


def test_inversions_are_rounded_as_the_first_step_does() -> None:
    image = torch.tensor([-1, 0, 0.99999, 1.0]).reshape(1, 1, 1, 4).expand(1, 3, 1, 4)
    assert to_uint8_truncated(image)[0, 0, :, 0].tolist() == [0, 127, 254, 255]
