"""Hostile and damaged zips: refused as a whole, or, where only a member is damaged, by that member."""

from __future__ import annotations

import errno
import io
import os
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest

from ffhq_uv.archive.containers import ArchiveError, Archives, locations, open_archive
from ffhq_uv.archive.limits import PUBLISHED, Limits
from ffhq_uv.archive.scanning import scan
from ffhq_uv.archive.writing import write_zip
from ffhq_uv.config import read
from ffhq_uv.faults import PassingError
from ffhq_uv.formats.folders import walk as files
from ffhq_uv.formats.tars import Tar
from ffhq_uv.formats.zips import Zip
from ffhq_uv.store.limits import limits


def open_zip(path: Path, limits: Limits = PUBLISHED) -> Zip | Tar:
    return open_archive(path.parent, path.name, limits)


def zip_of(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], compress: int = zipfile.ZIP_STORED) -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compress) as archive:
        warnings.simplefilter("ignore")
        for name, content in members:
            archive.writestr(name, content, compress)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    "name",
    [
        "../000001.png",
        "a/../../000001.png",
        "/etc/passwd",
        "C:/000001.png",
        "..",
        "000001.png\0.txt",
        "a\\000001.png",
    ],
)
def test_member_names_that_leave_the_archive_are_refused(tmp_path: Path, name: str) -> None:
    info = zipfile.ZipInfo("x")
    info.filename = name
    with pytest.raises(ArchiveError, match=r"000\.zip: refuses the member name .*(download it again|files unpacked)"):
        open_zip(zip_of(tmp_path / "000.zip", (info, b"x")))


def test_links_duplicates_and_case_collisions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"refuses the link '000001\.png'"):
        open_zip(zip_of(tmp_path / "a.zip", (link("000001.png"), b"/etc/passwd")))
    for second in ("000001.png", "000001.PNG"):
        with pytest.raises(ArchiveError, match="two members called"):
            open_zip(zip_of(tmp_path / "b.zip", ("000001.png", b"1"), (second, b"2")))


def patch(path: Path, change: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def test_overlapping_members_are_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "000.zip", ("000001.png", b"x" * 1000), ("000002.png", b"y" * 1000))

    def overlap(content: bytearray) -> None:  # the second entry of the directory points at the first member
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 42 : entry + 46] = struct.pack("<I", 0)

    with pytest.raises(ArchiveError, match="overlap"):
        open_zip(patch(path, overlap))


def test_encrypted_and_oddly_compressed_members_are_refused(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "000.zip", ("000001.png", b"x"))

    def encrypt(content: bytearray) -> None:
        content[content.rindex(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(ArchiveError, match="encrypted"):
        open_zip(patch(path, encrypt))
    with pytest.raises(ArchiveError, match="packed by LZMA; only stored and deflated members are read: unpack"):
        open_zip(zip_of(tmp_path / "001.zip", ("000001.png", b"x"), compress=zipfile.ZIP_LZMA))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    zip_of(tmp_path / "000.zip", ("000001.png", bytes(32 << 20)), compress=zipfile.ZIP_DEFLATED)
    zip_of(tmp_path / "001.zip", ("01223.json", b" " * 100_000))
    with Archives(tmp_path) as archives:
        with pytest.raises(
            ArchiveError, match=r"000\.zip!000001\.png: refuses .* \(at most 200 times as many\); `limits`"
        ):
            archives.read("000.zip!000001.png")
        with pytest.raises(ArchiveError, match=r"refuses 100000 bytes packed in 100000 \(at most 65536\); `limits`"):
            archives.read("001.zip!01223.json")
        (tmp_path / "01223.json").write_bytes(b" " * 100_000)
        with pytest.raises(ArchiveError, match=r"^01223\.json: refuses 100000 bytes \(at most 65536\); `limits`"):
            archives.read("01223.json")
    with pytest.raises(ArchiveError, match=r"001\.zip: refuses 1 members \(at most 0\); `limits` in the configuration"):
        open_zip(tmp_path / "001.zip", Limits(members=0))


def test_what_the_system_refuses_is_not_to_be_downloaded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zip_of(tmp_path / "000.zip", ("01223.json", b"{}"))
    with monkeypatch.context() as patch:  # as when a process has too many open files
        patch.setattr(os, "open", Mock(side_effect=OSError(errno.EMFILE, os.strerror(errno.EMFILE))))
        with Archives(tmp_path) as archives, pytest.raises(PassingError, match=r"000\.zip: Too many open files$"):
            archives.read("000.zip!01223.json")
    with pytest.raises(PassingError, match=r"none\.zip: No such file or directory$"):
        open_zip(tmp_path / "none.zip")
    (tmp_path / "0.json").mkdir()
    with Archives(tmp_path) as archives, pytest.raises(ArchiveError, match=r"^0\.json: not a file$"):
        archives.read("0.json")


def test_the_configured_bounds_are_those_of_the_published_files() -> None:
    assert limits(read()) == PUBLISHED


def test_a_lying_size_and_a_flipped_bit_are_damage(tmp_path: Path) -> None:
    content = b"{}" * 500
    for name, compress in (("stored.zip", zipfile.ZIP_STORED), ("deflated.zip", zipfile.ZIP_DEFLATED)):
        path = zip_of(tmp_path / name, ("01223.json", content), compress=compress)

        def lie(content: bytearray) -> None:
            entry = content.rindex(b"PK\x01\x02")
            content[entry + 24 : entry + 28] = struct.pack("<I", 10)

        patch(path, lie)
        with (
            Archives(tmp_path) as archives,
            pytest.raises(ArchiveError, match=rf"{name}!01223\.json: .*again"),
        ):
            archives.read(f"{name}!01223.json")
    zip_of(tmp_path / "flip.zip", ("01223.json", content))
    patch(tmp_path / "flip.zip", lambda content: content.__setitem__(100, content[100] ^ 1))
    with Archives(tmp_path) as archives, pytest.raises(ArchiveError, match="Bad CRC"):
        archives.read("flip.zip!01223.json")


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_zip_names_itself_and_the_remedy(tmp_path: Path, share: float) -> None:
    path = tmp_path / "000.zip"
    write_zip(path, [(f"{id:06d}.png", bytes(500)) for id in range(20)])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(ArchiveError, match=r"000\.zip: not a readable .*(download it again|an empty file: fetch)"):
        list(scan(tmp_path))


def test_nothing_outside_the_root_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    (tmp_path / "root").mkdir()
    with Archives(tmp_path / "root") as archives:
        for location in ("../secret.json", str(tmp_path / "secret.json")):
            with pytest.raises(ArchiveError, match="outside"):
                archives.read(location)
        with pytest.raises(PassingError, match=r"none\.json: No such file"):
            archives.read("none.json")


def test_folders_that_link_to_themselves_end_and_dot_files_are_not_ours(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    (tmp_path / "a" / "01223.pt").touch()
    (tmp_path / "a" / ".01224.pt.x.part").touch()
    assert [path.name for path in files(tmp_path)] == ["01223.pt"]


def test_more_zips_than_stay_open_can_be_read_in_turn(tmp_path: Path) -> None:
    for chunk in range(5):
        write_zip(tmp_path / f"{chunk}.zip", [("01223.json", str(chunk).encode())])
    with Archives(tmp_path, open_zips=2) as archives:
        for chunk in (0, 1, 2, 3, 4, 0, 2):
            assert archives.read(f"{chunk}.zip!01223.json") == str(chunk).encode()


def test_a_torn_zip_of_zips_is_not_taken_for_its_last_member(tmp_path: Path) -> None:
    """A .pt file is a zip; cut after one, the outer file still ends in a complete directory."""
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", b"0" * 100)
    path = tmp_path / "000.zip"
    write_zip(path, [("000000_left_latent.pt", inner.getvalue()), ("000001_left_latent.pt", inner.getvalue())])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"000001_left_latent.pt") - 30])
    with pytest.raises(ArchiveError, match=r"000\.zip.*cut short"):
        open_zip(path)


def test_what_waits_for_a_writer_is_passed_over(tmp_path: Path) -> None:
    """Opening a named pipe would wait for ever."""
    for name in ("maps.zip", "maps.zip.001", "meta-info.json"):
        os.mkfifo(tmp_path / name)
    notes: dict[str, str] = {}
    assert list(locations(tmp_path, notes=notes)) == []
    assert set(notes.values()) == {"not a file"}
    assert list(locations(tmp_path, "maps.zip", notes=notes)) == []
