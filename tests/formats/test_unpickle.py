"""The pickle machine: equal to Python's on data, and stopped by name on everything else."""

from __future__ import annotations

import io
import os
import pickle
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ffhq_uv.formats.unpickle import NUMPY, Record, UnpickleError, load_torch, read_torch, unpickle
from ffhq_uv.formats.unpickle.tensors import torch_content

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner)
    ),
)


def torch_bytes(value: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **options)
    return buffer.getvalue()


@pytest.mark.slow
@given(plain, st.sampled_from([3, 4]))
def test_plain_data_is_read_as_python_reads_it(value: object, protocol: int) -> None:
    assert unpickle(pickle.dumps(value, protocol), {}, "data") == value


@given(
    hnp.arrays(st.sampled_from(["f4", "f8", "i8", "u1", "bool"]), hnp.array_shapes(min_dims=0, min_side=0)),
    st.sampled_from([2, 3, 4]),
    st.booleans(),
)
def test_arrays_are_read_as_numpy_reads_them(array: np.ndarray, protocol: int, fortran: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    read = unpickle(pickle.dumps({"a": array, "b": array}, protocol), NUMPY, "data")
    assert read["a"] is read["b"]
    assert read["a"].dtype == array.dtype
    np.testing.assert_array_equal(read["a"], array, strict=True)


def test_ragged_object_array_and_scalars() -> None:
    ragged = np.empty(3, object)
    ragged[:] = [1024, np.float64(0.25), np.array([7.5])]
    read = unpickle(pickle.dumps(ragged, 2), NUMPY, "data")
    assert [float(np.squeeze(entry)) for entry in read] == [1024.0, 0.25, 7.5]


class Touch:
    """Executes a command when Python unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_command_is_named_and_not_executed(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "executed"
    with pytest.raises(UnpickleError, match=r"01223\.pkl: refuses GLOBAL posix\.system"):
        unpickle(pickle.dumps(Touch(victim), protocol), NUMPY, "01223.pkl")
    with pytest.raises(UnpickleError, match=r"x\.pt: refuses GLOBAL posix\.system"):
        read_torch(torch_bytes(Touch(victim)), "x.pt")
    (tmp_path / "x.pth").write_bytes(torch_bytes(Touch(victim)))
    with pytest.raises(UnpickleError, match=r"x\.pth"):
        load_torch(tmp_path / "x.pth")
    assert not victim.exists()


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"\x80\x02\x8e" + b"\xff" * 7 + b"\x00.", "too early"),  # BINBYTES8 of 2**56 bytes
        (b"\x80\x02X\xff\xff\xff\x7f.", "too early"),  # BINUNICODE of 2 GiB
        (b"\x80\x02}())us.", "dict key"),  # a tuple as key
        (b"cnumpy\ndtype\n}b.", "state of a Name"),  # BUILD on a listed name
        (b"cnumpy\nndarray\n)R.", "call numpy.ndarray"),
        (b"K\x01)R.", "call a value"),
        (b"(ios\nsystem\n.", "opcode INST"),
        (b"\x82\x01.", "opcode EXT1"),
        (b"K\x01Q.", "opcode BINPERSID"),
        (b"\x80\x02", "too early"),
        (b".", "damaged"),
    ],
)
def test_programs_that_are_no_data_are_stopped(program: bytes, message: str) -> None:
    with pytest.raises(UnpickleError, match=message):
        unpickle(program, NUMPY, "x")


def test_no_opcode_allocates_more_than_its_file() -> None:
    memo_bomb = b"\x80\x02K\x01r\xff\xff\xff\x7f."  # LONG_BINPUT 2**31 - 1
    shape = (1 << 39,)
    array_bomb = pickle.dumps(np.zeros(3, "f4"), 2).replace(b"K\x03\x85", pickle.dumps(shape, 2)[2:-3])
    tracemalloc.start()
    assert unpickle(memo_bomb, {}, "x") == 1
    with pytest.raises(UnpickleError, match="549755813888 x float32 in 12 bytes"):
        unpickle(array_bomb, NUMPY, "x")
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


def test_records_stand_in_for_objects() -> None:
    program = b"\x80\x02ca.b\nNoise\n)\x81}(X\x05\x00\x00\x00valueG?\xe0\x00\x00\x00\x00\x00\x00ub."
    record = unpickle(program, {"a.b.Noise": lambda: Record("Noise")}, "x")
    assert record == Record("Noise", {"value": 0.5})


@given(hnp.arrays("f4", hnp.array_shapes(max_dims=4, min_side=0), elements=st.floats(width=32)))
def test_tensors_are_read_as_torch_reads_them(array: np.ndarray) -> None:
    tensor = torch.nn.Parameter(torch.from_numpy(array)).detach().requires_grad_()
    read = read_torch(torch_bytes({"latent": tensor, "row": tensor[..., :1].contiguous()}), "x.pt")
    np.testing.assert_array_equal(read["latent"], array, strict=True)


def test_slices_share_a_storage_and_strides_may_not_multiply_it() -> None:
    storage = torch.arange(12.0).reshape(1, 12)
    np.testing.assert_array_equal(read_torch(torch_bytes(storage[:, 4:9]), "x"), [[4, 5, 6, 7, 8]])
    for strided in (torch.zeros(1).expand(1 << 39), torch.zeros(3, 4).T):
        with pytest.raises(UnpickleError, match="not contiguous"):
            read_torch(torch_bytes(strided), "x")


def test_a_deflated_torch_record_is_a_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(io.BytesIO(torch_bytes(torch.zeros(1 << 20)))) as source,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in source.namelist():
            bomb.writestr(name, source.read(name))
    for read in (lambda: read_torch(path.read_bytes(), "bomb.pt"), lambda: load_torch(path)):
        with pytest.raises(UnpickleError, match="compressed"):
            read()


def test_checkpoints_are_read_and_a_missing_one_is_named(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "net.pth")
    assert load_torch(tmp_path / "net.pth")["weight"].tolist() == [1, 1]
    with pytest.raises(FileNotFoundError, match=r"other\.pth"):
        load_torch(tmp_path / "other.pth")


@settings(max_examples=400)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SAMPLES)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, 2 * len(content))) :]
    for read in (lambda: unpickle(bytes(content), NUMPY, "x"), lambda: read_torch(bytes(content), "x")):
        with suppress(UnpickleError):
            read()


SAMPLES = [
    torch_bytes({"latent": torch.zeros(2, 3), "id": torch.zeros(4)[1:]}),
    torch_bytes({"left": np.zeros(3, "f4"), "right": np.array([1, None, np.float64(2)], object)}),
    pickle.dumps({"a": np.zeros((2, 3)), "b": [np.float32(1), (None, True, -5, 1 << 70)]}, 2),
    pickle.dumps({"a": np.zeros((2, 3), order="F"), "b": [b"x" * 300, "y" * 300]}, 4),
]


def test_a_pickle_cannot_multiply_itself() -> None:
    """A memo hands the same bytes to a thousand arrays; nothing of a thousand times the file's size is built."""
    state = b"(K\x01M\x10'\x85cnumpy\ndtype\nX\x02\x00\x00\x00f4\x85R(K\x03X\x01\x00\x00\x00<NNNtb\x89h\x00t"
    content = b"B" + (40_000).to_bytes(4, "little") + bytes(40_000) + b"q\x00"
    one = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00b\x87R" + state + b"b"
    read = unpickle(b"\x80\x02" + content + b"(" + one * 2 + b"t.", NUMPY, "x")
    assert [len(array) for array in read] == [10_000, 10_000]
    tracemalloc.start()
    with pytest.raises(UnpickleError, match="many times its own size"):
        unpickle(b"\x80\x02" + content + b"(" + one * 1000 + b"t.", NUMPY, "x")
    assert tracemalloc.get_traced_memory()[1] < 3_000_000
    tracemalloc.stop()


def test_nested_tuples_that_share_their_parts_are_never_walked() -> None:
    """Hashing or printing thirty pairs of pairs takes 2**30 steps."""
    pairs = b"K\x01" + b"q\x00h\x00\x86" * 30
    for program in (
        b"cnumpy\ndtype\n" + pairs + b"\x85R.",
        b"c_codecs\nencode\n" + pairs + b"X\x06\x00\x00\x00latin1\x86R.",
        b"}" + pairs + b"Ns.",
    ):
        with pytest.raises(UnpickleError, match="refuses"):
            unpickle(b"\x80\x02" + program, NUMPY, "x")


def test_a_storage_named_a_thousand_times_is_built_once() -> None:
    tensor = torch.zeros(1000)
    read = read_torch(torch_bytes([tensor[:1000] for _ in range(200)]), "x")
    assert len({array.__array_interface__["data"][0] for array in read}) == 1


def test_numbers_of_the_other_byte_order_are_refused(tmp_path: Path) -> None:
    content = torch_bytes(torch.zeros(2)).replace(b"little", b"bigbig")
    path = tmp_path / "x.pt"
    path.write_bytes(content)
    with zipfile.ZipFile(path) as archive, pytest.raises(zipfile.BadZipFile):
        archive.read("archive/byteorder")
    with pytest.raises(UnpickleError):
        read_torch(content, "x")


@pytest.mark.parametrize("stream", [False, True], ids=["zip", "stream"])
def test_a_tensor_larger_than_its_storage_is_refused(tmp_path: Path, stream: bool) -> None:
    """Torch fills it up with what lies in memory, other numbers every time."""
    path = tmp_path / "x.pth"
    content = torch_bytes({"weight": torch.ones(3, 77)}, _use_new_zipfile_serialization=not stream)
    path.write_bytes(content)
    assert load_torch(path)["weight"].equal(torch.ones(3, 77))
    shape = b"K\x03KM\x86"
    assert content.count(shape) == 1
    grown = content.replace(shape, b"K\x04KM\x86")
    path.write_bytes(grown if stream else with_crc(grown))
    with pytest.raises(UnpickleError, match="takes 308 numbers of a storage of 231"):
        load_torch(path)


def with_crc(content: bytes) -> bytes:
    """A zip again, after its members were changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as damaged, zipfile.ZipFile(buffer, "w") as whole:
        for info in damaged.infolist():
            start = (
                info.header_offset
                + 30
                + sum(content[info.header_offset + at] + 256 * content[info.header_offset + at + 1] for at in (26, 28))
            )
            whole.writestr(info.filename, content[start : start + info.compress_size])
    return buffer.getvalue()


@pytest.mark.parametrize("stream", [False, True], ids=["zip", "stream"])
@given(dtype=st.sampled_from([torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.bool]))
def test_checkpoints_are_read_as_torch_reads_them(stream: bool, dtype: torch.dtype) -> None:
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    shared = torch.arange(60).reshape(3, 4, 5).to(dtype)
    content = torch_bytes(
        {
            "net": layer.state_dict(),
            "step": 7,
            "parts": [shared.permute(2, 0, 1), shared[1:, ::2], shared[:0]],
            "last": layer[0].weight,
        },
        _use_new_zipfile_serialization=not stream,
    )
    read, reference = torch_content(content, "x"), torch.load(io.BytesIO(content), weights_only=True)
    assert read["step"] == 7
    pairs = [*zip(read["parts"], reference["parts"], strict=True), (read["last"], reference["last"])]
    pairs += [(read["net"][name], tensor) for name, tensor in reference["net"].items()]
    for ours, theirs in pairs:
        assert ours.equal(theirs)
        assert (ours.dtype, ours.stride()) == (theirs.dtype, theirs.stride())


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.zeros(1).expand(1 << 38), "many times the numbers that the file holds"),
        (torch.zeros(2, 2).to_sparse(), "refuses GLOBAL torch._utils._rebuild_sparse_tensor"),
        (torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8), "refuses GLOBAL torch"),
        (torch.zeros(2, device="meta"), "refuses GLOBAL torch._utils._rebuild_meta_tensor"),
    ],
    ids=["expanded", "sparse", "quantised", "meta"],
)
def test_tensors_that_are_no_plain_numbers_are_refused(tensor: torch.Tensor, reason: str) -> None:
    for stream in (False, True):
        with pytest.raises(UnpickleError, match=reason):
            torch_content(torch_bytes({"a": tensor}, _use_new_zipfile_serialization=not stream), "x")


def test_bytes_after_the_end_are_no_way_around_the_guard() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(torch_bytes(torch.zeros(1 << 16)))) as source,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in source.namelist():
            bomb.writestr(name, source.read(name))
    for tail in (b"", b"x", b"PK\x05\x06"):
        with pytest.raises(UnpickleError):
            torch_content(buffer.getvalue() + tail, "x")
    whole = torch_bytes(torch.zeros(4), _use_new_zipfile_serialization=False)
    with pytest.raises(UnpickleError, match="1 bytes after its end"):
        torch_content(whole + b"x", "x")


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_checkpoint_is_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(CHECKPOINTS)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    del content[data.draw(st.integers(len(content) // 2, 2 * len(content))) :]
    with suppress(UnpickleError):
        torch_content(bytes(content), "x")


CHECKPOINTS = [
    torch_bytes({"latent": torch.zeros(2, 3), "id": torch.zeros(4)[1:]}, _use_new_zipfile_serialization=kind)
    for kind in (True, False)
]
