"""Zips by their central directory: as the standard library reads them, or refused; and remembered without being
believed."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ffhq_uv.formats import zips
from ffhq_uv.formats.zips import Zip, ZipError, remembered_at, unsafe

names = st.from_regex(r"[a-z]{1,8}(/[0-9]{1,6}){0,2}\.png", fullmatch=True)


@given(
    st.dictionaries(names, st.binary(max_size=300), max_size=8),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    st.booleans(),
    st.binary(max_size=40),
)
def test_members_are_read_as_the_standard_library_reads_them(
    members: dict[str, bytes], method: int, zip64: bool, comment: bytes
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            with archive.open(name, "w", force_zip64=zip64) as file:
                file.write(content)
        archive.comment = comment
    with Zip(buffer.getvalue()) as archive:
        assert archive.namelist() == list(members)
        assert {name: archive.read(name, 300) for name in members} == members


def large(path: Path, count: int = 70_000) -> Path:
    """More members than 16 bits can count."""
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            archive.writestr(zipfile.ZipInfo(f"{number:06d}/{number:06d}.json"), b"%d" % number)
    return path


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return large(tmp_path_factory.mktemp("zips") / "many.zip")


def test_a_zip64_of_more_than_65535_members(many: Path) -> None:
    with Zip(many) as archive:
        assert len(archive.namelist()) == 70_000
        assert archive.read("069999/069999.json", 10) == b"69999"
        assert archive.read("000000/000000.json", 10) == b"0"
    with pytest.raises(ZipError, match="refuses 70000 members"):
        Zip(many, max_members=69_999)


def test_a_remembered_directory_is_the_same_and_only_believed_for_the_zip_that_it_is_of(
    many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Zip(many) as archive:
        content, directory = archive.remembering(), archive.directory
    assert content is not None
    remembered_at(many).write_bytes(content)

    def unexpected(*_: object) -> None:
        raise AssertionError("the directory was read again")

    with monkeypatch.context() as patch:
        patch.setattr(zips, "_read_directory", unexpected)
        with Zip(many) as archive:
            assert archive.remembering() == content
            assert archive.directory.names == directory.names
            assert archive.read("012345/012345.json", 10) == b"12345"
            np.testing.assert_array_equal(archive.directory.end, directory.end)
        for damaged in (content[:-50], content[:100], b"", content.replace(b"digest", b"Digest")):
            remembered_at(many).write_bytes(damaged)
            with pytest.raises(AssertionError, match="read again"):
                Zip(many)
    remembered_at(many).write_bytes(content)
    other = bytearray(many.read_bytes())
    entry = other.rindex(b"PK\1\2")
    other[entry + 46 : entry + 52] = b"099999"
    local = other.rindex(b"PK\3\4")
    other[local + 30 : local + 36] = b"099999"
    many.write_bytes(other)
    with Zip(many) as archive:
        assert archive.namelist()[-1] == "099999/069999.json"


def test_what_is_remembered_is_held_against_the_members_own_headers(many: Path, tmp_path: Path) -> None:
    """Even if it was written by someone who knows the digest."""
    path = large(tmp_path / "000.zip", zips.REMEMBERED)
    with Zip(path) as archive:
        held = dict(np.load(io.BytesIO(archive.remembering() or b"")))
    held["offset"] = np.roll(held["offset"], 1)
    held["end"] = np.full_like(held["end"], 1 << 40)
    with remembered_at(path).open("wb") as file:
        np.savez(file, **held)
    with Zip(path) as archive, pytest.raises(ZipError, match="another name"):
        archive.read("000005/000005.json", 10)


def test_small_zips_are_not_worth_remembering(tmp_path: Path) -> None:
    with Zip(large(tmp_path / "000.zip", 10)) as archive:
        assert archive.remembering() is None


def bomb(kernel: bytes, copies: int) -> bytes:
    """Members that share one kernel of packed bytes: each member's data are the following members and the kernel."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("k", kernel)
    content = buffer.getvalue()
    start = content.index(b"PK\1\2")
    local, entry = content[:start], content[start : content.index(b"PK\5\6")]
    directory = b"".join(entry[:46] + b"%c" % (97 + number) for number in range(copies))
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, copies, copies, len(directory), len(local), 0)
    return local + directory + end


def test_members_that_share_their_bytes_are_refused_whatever_the_python(tmp_path: Path) -> None:
    """The standard library of Python 3.11.7 reads 26 MB out of these 27 kB (gh-109858)."""
    with pytest.raises(ZipError, match="overlap"):
        Zip(bomb(bytes(1 << 20), 26))


def test_a_local_header_that_reaches_into_the_next_member_is_refused() -> None:
    """The directory says nothing of the extra field in a member's own header."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("a", b"1234")
        archive.writestr("b", b"5678")
    content = bytearray(buffer.getvalue())
    content[28:30] = struct.pack("<H", 20)
    with Zip(bytes(content)) as archive, pytest.raises(ZipError, match="overlap"):
        archive.read("a", 10)


@pytest.mark.parametrize(
    ("at", "layout", "value", "message"),
    [
        (8, "<H", 3, "several parts"),
        (12, "<I", 1 << 30, "cut short"),
        (16, "<I", 5, "cut short"),
        (4, "<H", 1, "several parts"),
    ],
)
def test_an_end_that_lies_is_refused(at: int, layout: str, value: int, message: str) -> None:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as archive:
        archive.writestr("a", b"1234")
    content = bytearray(buffer.getvalue())
    struct.pack_into(layout, content, content.index(b"PK\5\6") + at, value)
    with pytest.raises(ZipError, match=message):
        Zip(bytes(content))


def test_counts_and_sizes_that_lie_take_no_memory() -> None:
    """Of the directory (zip64), and of a member."""
    end = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1 << 40, 1 << 40, 1 << 60, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, 0, 1)
    last = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    with pytest.raises(ZipError):
        Zip(end + locator + last)
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json", bytes(10_000_000))
    content = bytearray(buffer.getvalue())
    entry = content.index(b"PK\1\2")
    struct.pack_into("<I", content, entry + 24, 100)  # "it unpacks to 100 bytes"
    with Zip(bytes(content)) as archive, pytest.raises(ZipError, match="its size is not"):
        archive.read("a.json", 20_000)


@pytest.mark.parametrize("name", ["a/b.png", "a..b", "...", "a/.b", "ab:/c"])
def test_ordinary_names_are_safe(name: str) -> None:
    assert not unsafe(name)


@pytest.mark.parametrize("name", ["", "..", "a/..", "../a", "/a", "a\\b", "C:x", "c:/x", "x:y", "a\0b", "a\nb"])
def test_names_that_could_leave_a_folder_are_not(name: str) -> None:
    assert unsafe(name)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_zip_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        with Zip(bytes(content)) as archive:
            for name in archive.namelist():
                assert len(archive.read(name, 1000)) <= 1000
    except ZipError:
        pass


def _sample() -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("000001.json", b"{}" * 100)
        archive.writestr(zipfile.ZipInfo("000002.json"), b"[]")
    return buffer.getvalue()


SAMPLE = _sample()
