"""MATLAB files: equal to SciPy's reading of numbers, and bounded."""

from __future__ import annotations

import struct
import time
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ffhq_uv.formats.mat import MatError, read_mat


@given(
    hnp.arrays(
        st.sampled_from(["f4", "f8", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]),
        hnp.array_shapes(min_dims=2, max_dims=4, min_side=1),
    ),
    st.booleans(),
)
def test_arrays_are_read_as_scipy_reads_them(tmp_path_factory: pytest.TempPathFactory, array, packed) -> None:
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    scipy.io.savemat(path, {"a": array, "text": "text", "b": array[:1]}, do_compression=packed)
    read, reference = read_mat(path, ["a", "b"]), scipy.io.loadmat(path)
    assert read.keys() == {"a", "b"}
    for name in read:
        np.testing.assert_array_equal(read[name], reference[name], strict=True)
        assert read[name].flags.f_contiguous


@pytest.mark.slow
def test_what_unpacks_to_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1 << 10)) + packer.flush()
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM"
    path = tmp_path / "bomb.mat"
    path.write_bytes(header + struct.pack("<2I", 15, len(packed)) + packed)
    began = time.process_time()
    with pytest.raises(MatError, match=r"refuses variables of more than \d+ bytes"):
        read_mat(path, ["a"])
    assert time.process_time() - began < 5


@pytest.mark.parametrize("value", ["text", np.zeros((2, 2), complex), np.array([[1, "x"]], object), {"a": 1}])
def test_what_is_no_array_of_numbers_is_refused_by_name(tmp_path: Path, value: object) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"a": value})
    with pytest.raises(MatError, match="no numeric array 'a'"):
        read_mat(tmp_path / "x.mat", ["a"])


def test_a_variable_without_a_name_is_refused(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "x.mat", {"a": np.zeros((2, 2))})
    content = bytearray((tmp_path / "x.mat").read_bytes())
    content[132:136] = (16).to_bytes(4, "little")  # the variable ends behind its flags
    (tmp_path / "x.mat").write_bytes(content[:152])
    with pytest.raises(MatError, match="a variable without a name"):
        read_mat(tmp_path / "x.mat", ["a"])


@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    scipy.io.savemat(path, {"a": np.arange(24.0).reshape(4, 6)}, do_compression=data.draw(st.booleans()))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(100, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(100, len(content)))])
    with suppress(MatError):
        assert all(array.nbytes <= 24 * 8 for array in read_mat(path, ["a"]).values())
