"""Against a real server that drops, truncates, changes and refuses: the bytes are right, or there is no file."""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from tests.download.conftest import Web

from ffhq_uv.download import DownloadError, Offer, fetch, total
from ffhq_uv.download.patience import patiently
from ffhq_uv.download.streams import Interrupted, seconds_of

CONTENT = random.Random(0).randbytes(3_000_000)
NAME = "dataset/000.zip"


def offer(web: Web, content: bytes | None = CONTENT, name: str = NAME) -> Offer:
    sha256 = None if content is None else hashlib.sha256(content).hexdigest()
    return Offer(name, f"{web.url}/{name}", None, sha256)


def visible(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if path.is_file())


@pytest.mark.parametrize("known", [True, False])
def test_a_connection_that_drops_is_gone_on_with_where_it_ended(web: Web, tmp_path: Path, known: bool) -> None:
    web.files[f"/{NAME}"] = CONTENT
    web.trouble[f"/{NAME}"] = [1_200_000, 503, 900_000, 429]
    progress: list[int] = []
    came = fetch([offer(web, CONTENT if known else None)], tmp_path, progress=progress.append)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert came[NAME].sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert visible(tmp_path) == [NAME]
    assert sum(progress) == len(CONTENT)
    begun = [int(asked[2].removeprefix("bytes=").rstrip("-")) for asked in web.asked if asked[2]]
    assert begun == sorted(begun)
    assert begun[-1] >= 2_000_000  # what came before was not sent again


def test_a_server_that_ignores_ranges_sends_all_again(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"], web.ranges = CONTENT, False
    web.trouble[f"/{NAME}"] = [2_500_000]
    fetch([offer(web)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_file_without_validator_is_never_pieced_together(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"], web.validators = CONTENT, False
    web.trouble[f"/{NAME}"] = [1_000_000]
    fetch([offer(web, None)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert [asked for asked in web.asked if asked[2]] == []


def test_a_file_that_changes_on_the_way_starts_again(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"] = CONTENT
    web.trouble[f"/{NAME}"] = [CONTENT[::-1]]
    fetch([offer(web, None)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT[::-1]


def test_a_file_that_is_not_the_listed_one_gets_no_name(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"] = CONTENT[:-1] + b"?"
    with pytest.raises(DownloadError, match=r"000\.zip: its SHA-256 is \w+, and \w+ is listed"):
        fetch([offer(web)], tmp_path)
    with pytest.raises(DownloadError, match=r"has 3000000 bytes, and 17 are listed"):
        fetch([Offer(NAME, f"{web.url}/{NAME}", 17)], tmp_path)
    assert visible(tmp_path) == []


def test_a_truncated_answer_is_no_file(web: Web, tmp_path: Path) -> None:
    """The server itself believes that the file is half as long."""
    web.files[f"/{NAME}"] = CONTENT
    web.trouble[f"/{NAME}"] = ["short"]
    with pytest.raises(DownloadError, match="has 1500000 bytes, and 3000000 are listed"):
        fetch([Offer(NAME, f"{web.url}/{NAME}", len(CONTENT))], tmp_path)
    assert visible(tmp_path) == []
    fetch([Offer(NAME, f"{web.url}/{NAME}", len(CONTENT))], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_a_listed_size_catches_an_end_that_the_server_does_not_announce(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"], web.lengths = CONTENT, False
    web.trouble[f"/{NAME}"] = [1_000_000]
    fetch([Offer(NAME, f"{web.url}/{NAME}", len(CONTENT))], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, 3), (429, 3)])
def test_it_gives_up_at_once_or_after_its_tries(web: Web, tmp_path: Path, status: int, asked: int) -> None:
    web.files[f"/{NAME}"] = CONTENT
    web.trouble[f"/{NAME}"] = [status] * 10
    with pytest.raises(DownloadError, match=f"HTTP {status}"):
        fetch([offer(web)], tmp_path, tries=3)
    assert len(web.asked) == asked


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9/x.*gave up after 2 tries"):
        fetch([Offer("x", "http://127.0.0.1:9/x")], tmp_path, tries=2)


def test_progress_outlives_an_error_and_a_later_run_fetches_only_the_rest(web: Web, tmp_path: Path) -> None:
    names = [f"dataset/{number}.zip" for number in range(6)]
    web.files = {f"/{name}": CONTENT[: 100_000 * (1 + at)] for at, name in enumerate(names)}
    offers = [offer(web, web.files[f"/{name}"], name) for name in names]
    web.trouble[f"/{names[3]}"] = [200_000, 404]
    with pytest.raises(DownloadError, match="404"):
        fetch(offers, tmp_path, parallel=1)
    assert visible(tmp_path) == names[:3]
    web.asked.clear()
    fetch(offers, tmp_path, parallel=3)
    assert {name: (tmp_path / name).read_bytes() for name in names} == {n[1:]: c for n, c in web.files.items()}
    assert {asked[1] for asked in web.asked} == {f"/{name}" for name in names[3:]}
    assert any(asked[2] for asked in web.asked if asked[1] == f"/{names[3]}")


def test_what_is_here_is_kept_while_its_place_says_that_it_is_the_same(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"] = CONTENT
    fetch([offer(web, None)], tmp_path)
    web.asked.clear()
    fetch([offer(web, None)], tmp_path)
    assert [asked[0] for asked in web.asked] == ["HEAD"]
    web.files[f"/{NAME}"] = CONTENT[:50]
    fetch([offer(web, None)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT[:50]
    (tmp_path / NAME).write_bytes(b"damaged in place")
    fetch([offer(web, CONTENT[:50])], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT[:50]


def test_a_run_killed_at_the_very_end_of_a_file_fetches_nothing_twice(web: Web, tmp_path: Path) -> None:
    """Between the line in the journal and the name; and in the middle of the line."""
    web.files[f"/{NAME}"] = CONTENT
    fetch([offer(web)], tmp_path)
    os.replace(tmp_path / NAME, tmp_path / "dataset/.000.zip.part")
    web.asked.clear()
    fetch([offer(web)], tmp_path)
    assert web.asked == []
    assert (tmp_path / NAME).read_bytes() == CONTENT
    journal = tmp_path / ".fetched"
    journal.write_text(journal.read_text()[:-20])
    fetch([offer(web)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert json.loads(journal.read_text())["path"] == NAME


def test_a_note_of_another_file_is_not_believed(web: Web, tmp_path: Path) -> None:
    web.files = {"/a/000.zip": CONTENT, f"/{NAME}": CONTENT[::-1]}
    web.trouble["/a/000.zip"] = [1_000_000, 404]
    with pytest.raises(DownloadError):
        fetch([Offer(NAME, f"{web.url}/a/000.zip")], tmp_path)
    fetch([offer(web, None)], tmp_path)
    assert (tmp_path / NAME).read_bytes() == CONTENT[::-1]


def test_two_runs_cannot_fetch_into_one_folder(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"] = CONTENT

    def again(_: int) -> None:
        fetch([offer(web)], tmp_path)

    with pytest.raises(RuntimeError, match="another run is fetching"):
        fetch([offer(web)], tmp_path, progress=again)


def test_a_disk_that_is_too_small_is_known_before_anything_is_fetched(web: Web, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"1000000\.0 GB are to come, and .* GB are free"):
        fetch([Offer(NAME, f"{web.url}/{NAME}", 10**15)], tmp_path)
    assert web.asked == []


def test_folders_of_this_machine_are_fetched_and_resumed_too(tmp_path: Path) -> None:
    source = tmp_path / "source.zip"
    source.write_bytes(CONTENT)
    fetch([Offer(NAME, str(source), len(CONTENT))], tmp_path / "store")
    assert (tmp_path / "store" / NAME).read_bytes() == CONTENT
    source.write_bytes(CONTENT[::-1])
    fetch([Offer(NAME, str(source))], tmp_path / "store")
    assert (tmp_path / "store" / NAME).read_bytes() == CONTENT[::-1]
    with pytest.raises(DownloadError, match=r"gone\.zip: No such file"):
        fetch([Offer("dataset/1.zip", str(tmp_path / "gone.zip"))], tmp_path / "store")


def test_sizes_that_are_not_listed_are_asked_for(web: Web) -> None:
    web.files = {"/dataset/a": b"123", "/dataset/b": b"45"}
    known = [offer(web, None, f"dataset/{name}") for name in "ab"]
    assert total(known) == 5
    assert total([*known, offer(web, None, "dataset/c")]) is None
    assert total([Offer("dataset/x", "http://127.0.0.1:9/x", 7)]) == 7


def test_a_server_that_trickles_is_given_up(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes grow all the time, and would for years."""
    monkeypatch.setattr("ffhq_uv.download.streams.PACED", 0.1)
    monkeypatch.setattr("ffhq_uv.download.streams.LOWEST", 10**8)
    monkeypatch.setattr("ffhq_uv.download.patience.LOWEST", 10**8)
    web.files[f"/{NAME}"] = bytes(5_000_000)
    web.pause = 0.05
    with pytest.raises(DownloadError, match=r"slower than 100000000 bytes a second: .* \(gave up after 2 tries\)"):
        fetch([Offer(NAME, f"{web.url}/{NAME}")], tmp_path, tries=2)


def test_kept_files_of_the_same_size_and_time_are_read_where_it_matters(web: Web, tmp_path: Path) -> None:
    web.files[f"/{NAME}"] = CONTENT
    first = fetch([offer(web)], tmp_path)
    path = tmp_path / NAME
    times = path.stat()
    path.write_bytes(bytes(len(CONTENT)))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fetch([offer(web)], tmp_path, verify=True)[NAME].sha256 == first[NAME].sha256
    assert path.read_bytes() == CONTENT


def test_a_wait_that_the_server_asks_for_is_bounded_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    waits: list[float] = []
    asks = iter([Interrupted("HTTP 429", seconds_of("86400")), None])

    def attempt() -> str:
        if error := next(asks):
            raise error
        return "came"

    assert patiently(attempt, "http://example.com/x", sleep=waits.append) == "came"
    assert waits == [600]
    assert "http://example.com/x: the server asks to wait, for 600 s" in capsys.readouterr().err


def test_sizes_of_many_files_are_not_asked_for_one_by_one(web: Web) -> None:
    assert total([Offer(str(number), f"{web.url}/{number}") for number in range(1001)]) is None
    assert web.asked == []


def test_who_sends_the_files_of_another_host_is_said_once(
    web: Web, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    web.moved["/here"] = f"{web.url.replace('127.0.0.1', 'localhost')}/there"
    web.moved["/local"] = "file:///etc/passwd"
    web.files["/there"] = CONTENT
    for name in ("a", "b"):
        fetch([Offer(name, f"{web.url}/here")], tmp_path)
    assert (tmp_path / "b").read_bytes() == CONTENT
    assert capsys.readouterr().err.count("127.0.0.1 has its files sent by localhost") == 1
    with pytest.raises(DownloadError, match="file:"):
        fetch([Offer("c", f"{web.url}/local")], tmp_path)
