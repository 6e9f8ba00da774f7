"""What is written is what the readers (and torch, NumPy, JSON) read, in the same bytes every time."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from ffhq_uv.archive.attributes import Attributes, decode_attributes
from ffhq_uv.archive.latents import decode_latent, decode_view_attribute
from ffhq_uv.archive.lights import decode_light
from ffhq_uv.archive.writing import (
    encode_attributes,
    encode_latent,
    encode_light,
    encode_png,
    encode_view_latent,
    normalised_attributes,
    remove_partial_files,
    write_bytes,
    write_zip,
)

numbers = st.floats(-1e6, 1e6, width=32)
seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_codes_come_back_and_torch_reads_the_published_form(seed: int) -> None:
    random = np.random.default_rng(seed)
    code, attribute = random.normal(size=(18, 512)).astype("f4"), random.normal(size=17).astype("f4")
    for content in (encode_latent(code), encode_view_latent(code, attribute)):
        np.testing.assert_array_equal(decode_latent(content, "x.pt"), code, strict=True)
    content = encode_view_latent(code, attribute)
    np.testing.assert_array_equal(decode_view_attribute(content, "x.pt"), attribute, strict=True)
    stored = torch.load(io.BytesIO(content), weights_only=True)
    assert {key: (tuple(value.shape), value.dtype) for key, value in stored.items()} == {
        "latent": ((1, 18, 512), torch.float32),
        "attribute": ((1, 17, 1, 1), torch.float32),
    }
    assert content == encode_view_latent(code.copy(), attribute.copy())


@given(hnp.arrays("f4", 9, elements=numbers))
def test_light_comes_back_in_the_published_header(light: np.ndarray) -> None:
    content = encode_light(light)
    assert len(content) == 164
    np.testing.assert_array_equal(decode_light(content, "x.npy"), light, strict=True)
    assert np.load(io.BytesIO(content)).shape == (1, 9, 1, 1)


def test_a_map_is_not_larger_than_in_pillows_default() -> None:
    noise = np.random.default_rng(0).normal(0, 6, (256, 256, 3)) + np.linspace(60, 200, 256)[:, None, None]
    image = noise.round().clip(0, 255).astype(np.uint8)
    default = io.BytesIO()
    Image.fromarray(image).save(default, "PNG")
    assert len(encode_png(image)) <= 1.02 * len(default.getvalue())


def test_attributes_have_the_published_form() -> None:
    record = {"Yaw": 11.2, "Age": 23.0, "Beard": 0.0, "Gender": 0, "Expression": 0.65}
    content = encode_attributes(record)
    assert content.startswith(b'{\n    "Age": 23.0,\n    "Beard": 0.0,')
    assert content.endswith(b'"Yaw": 11.2\n}')
    assert decode_attributes(content, "x.json") == Attributes(0, 23.0, 0.0, 0.65, None)
    with pytest.raises(ValueError, match="nan"):
        encode_attributes({"Age": float("nan")})


def test_normalised_attributes_turn_left_by_plus_thirty_degrees() -> None:
    left, front, right = normalised_attributes(gender=1, beard=0.5, age=40)
    assert front.tolist() == [1, *[0] * 8, 1, 0, 0, 0, 1, 0.5, 40, 0]
    assert np.flatnonzero(left - front).tolist() == np.flatnonzero(right - front).tolist() == [11]
    assert (left[11], right[11]) == (30, -30)


def test_zips_have_fixed_bytes_in_the_given_order(tmp_path: Path) -> None:
    members = [("b/000002.png", b"two"), ("a/000001.png", b"one")]
    for name in ("x/1.zip", "x/y/2.zip"):
        write_zip(tmp_path / name, members)
    assert (tmp_path / "x/1.zip").read_bytes() == (tmp_path / "x/y/2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "x/1.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == ["b/000002.png", "a/000001.png"]
    assert {(info.date_time, info.compress_type, info.external_attr >> 16) for info in infos} == {
        ((1980, 1, 1, 0, 0, 0), zipfile.ZIP_STORED, 0o100644)
    }
    with pytest.raises(ValueError, match="twice"):
        write_zip(tmp_path / "3.zip", members * 2)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    def members(fail: bool) -> Iterator[tuple[str, bytes]]:
        yield "000001.png", b"content"
        if fail:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        write_zip(tmp_path / "000.zip", members(fail=True))
    assert list(tmp_path.iterdir()) == []
    write_zip(tmp_path / "000.zip", members(fail=False))
    before = (tmp_path / "000.zip").read_bytes()
    with pytest.raises(OSError, match="no space"):
        write_zip(tmp_path / "000.zip", members(fail=True))
    assert [path.name for path in tmp_path.iterdir()] == ["000.zip"]
    assert (tmp_path / "000.zip").read_bytes() == before


@pytest.mark.slow
def test_a_killed_writer_leaves_no_file_under_the_final_name(tmp_path: Path) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from ffhq_uv.archive.writing import write_zip
        def members():
            yield "000001.png", bytes(1 << 20)
            print("half", flush=True)
            sys.stdin.read()
        write_zip(Path(sys.argv[1]), members())
    """)
    command = [sys.executable, "-c", program, str(tmp_path / "a" / "000.zip")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        os.kill(writer.pid, signal.SIGKILL)
    left = [path.name for path in (tmp_path / "a").iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".000.zip.")
    assert remove_partial_files(tmp_path) == 1
    assert list((tmp_path / "a").iterdir()) == []


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "x", b"")
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    "encode",
    [
        lambda: encode_latent(np.zeros((3, 18, 512), "f4")),
        lambda: encode_view_latent(np.zeros((18, 512), "f4"), np.zeros(16, "f4")),
        lambda: encode_png(np.zeros((4, 4), np.uint8)),
        lambda: encode_png(np.zeros((4, 4, 3))),  # type: ignore[arg-type]
    ],
)
def test_wrong_shapes_and_types_are_refused(encode: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match=r"expected|needs"):
        encode()


def test_maps_are_written_with_the_setting_that_is_fast_and_small() -> None:
    """Pillow does not document ``compress_type``: another release may drop it, and files would grow unseen."""
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(90, 200, (8, 8, 3), np.uint8)).resize((512, 512), Image.Resampling.BICUBIC)
    skin = np.clip(np.asarray(coarse) + random.normal(0, 2, (512, 512, 3)), 0, 255).astype(np.uint8)
    sizes = {}
    for name, setting in {"default": {}, "fastest": {"compress_level": 1}, "none": {"compress_level": 0}}.items():
        buffer = io.BytesIO()
        Image.fromarray(skin).save(buffer, "PNG", **setting)
        sizes[name] = len(buffer.getvalue())
    size = len(encode_png(skin))
    assert size < 1.02 * sizes["default"]
    assert size < 0.95 * sizes["fastest"]
    assert size < 0.6 * sizes["none"]
