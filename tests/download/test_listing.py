"""What a place offers: folders here and there, lists in every form, and nothing that leaves the archives."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.download.conftest import Web

from ffhq_uv.download import DownloadError, Offer, fetch, look
from ffhq_uv.formats.published import OLD_PARTS, PARTS

MAPS, ASSETS = "dataset/ffhq-uv/uv-maps/000.zip", "topo_assets/hair_mask.png"
SUM = hashlib.sha256(b"maps").hexdigest()


def offers(place: str, parts: Iterable[str], part: str | None = None) -> list[Offer]:
    return look(place, parts, part).offers


def tree(root: Path) -> Path:
    """A published tree with things in it that are not ours to take."""
    for name, content in ((MAPS, b"maps"), (ASSETS, b"assets"), ("fitting_realy.zip", b"other"), (".x/y", b"hidden")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def test_a_folder_offers_its_published_parts(tmp_path: Path) -> None:
    root = tree(tmp_path / "FFHQ-UV")
    expected = [Offer(MAPS, str(root / MAPS), 4), Offer(ASSETS, str(root / ASSETS), 6)]
    assert offers(str(root), PARTS) == offers(f"file://{root}", PARTS) == expected
    assert [offer.path for offer in offers(str(tmp_path), PARTS)] == [MAPS, ASSETS]  # its parent will do, too
    assert [offer.path for offer in offers(str(root / "dataset"), PARTS, "dataset")] == [MAPS]
    (root / "SHA256SUMS").write_text(f"{SUM}  {MAPS}\n")
    assert [offer.sha256 for offer in offers(str(root), PARTS)] == [SUM, None]


def test_the_folders_of_2022_are_taken_by_their_names(tmp_path: Path) -> None:
    for name in ("ffhq-uv", "ffhq-uv-face-latents"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "000.zip").touch()
    found = [offer.path for offer in offers(str(tmp_path), [*PARTS, *OLD_PARTS])]
    assert found == ["ffhq-uv-face-latents/000.zip", "ffhq-uv/000.zip"]


def test_a_folder_without_anything_published_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "x.txt.gz").touch()
    with pytest.raises(DownloadError, match="holds nothing of dataset/, dataset_project/, topo_assets/, checkpoints/"):
        offers(str(tmp_path), PARTS)
    with pytest.raises(DownloadError, match="no such folder"):
        offers(str(tmp_path / "none"), PARTS)


FORMS = {
    "SHA256SUMS": f"{SUM}  ./{MAPS}\n{SUM} *{ASSETS}\n",
    "list.txt": f"# ours\n{MAPS} 4 {SUM}\nHOST/{ASSETS}\n",
    "list.csv": f"url,bytes,sha256\nHOST/{MAPS},4,{SUM}\nHOST/{ASSETS},,\n",
    "list.json": json.dumps([{"path": MAPS, "bytes": 4, "sha256": SUM.upper()}, {"url": f"HOST/{ASSETS}"}]),
    "manifest.json": json.dumps({"files": [{"path": MAPS, "bytes": 4, "sha256": SUM}, {"path": ASSETS}]}),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_list_on_the_web_in_every_form(web: Web, name: str) -> None:
    web.files[f"/{name}"] = FORMS[name].replace("HOST", web.url).encode()
    web.trouble[f"/{name}"] = [503]
    found = offers(f"{web.url}/{name}", PARTS)
    assert [(offer.path, offer.url) for offer in found] == [(path, f"{web.url}/{path}") for path in (MAPS, ASSETS)]
    assert found[0].sha256 == SUM
    if name in ("SHA256SUMS", "manifest.json"):
        assert offers(f"{web.url}/", PARTS) == offers(web.url, PARTS) == found


def test_a_list_here_may_name_files_anywhere(web: Web, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{web.url}/mirror/x/{MAPS}\n{ASSETS}\n")
    found = offers(str(tmp_path / "list.txt"), PARTS)
    assert [(offer.path, offer.url) for offer in found] == [
        (MAPS, f"{web.url}/mirror/x/{MAPS}"),
        (ASSETS, str(tmp_path / ASSETS)),
    ]


def test_a_server_that_forbids_what_is_not_there_is_asked_for_both_lists(web: Web) -> None:
    """As S3 does for those who may not list the bucket."""
    web.missing = 403
    web.files["/SHA256SUMS"] = FORMS["SHA256SUMS"].encode()
    assert [offer.path for offer in offers(web.url, PARTS)] == [MAPS, ASSETS]
    assert [path for _, path, _ in web.asked] == ["/manifest.json", "/SHA256SUMS"]


def test_a_refusal_that_does_not_say_missing_ends_the_search(web: Web) -> None:
    web.missing = 401
    with pytest.raises(DownloadError, match=r"manifest\.json: HTTP 401"):
        offers(f"{web.url}/HTTP 404", PARTS)


def test_a_hash_sign_begins_a_comment_but_not_in_a_name_that_sha256sum_wrote(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{SUM}  dataset/a #1.zip\n# {SUM}  {MAPS}\n{ASSETS} # ours\n")
    found = offers(str(tmp_path / "list.txt"), PARTS)
    assert [(offer.path, offer.sha256) for offer in found] == [("dataset/a #1.zip", SUM), (ASSETS, None)]


@pytest.mark.parametrize("missing", [403, 404, 410])
def test_a_web_folder_without_a_list_says_how_to_make_one(web: Web, missing: int) -> None:
    web.missing = missing
    with pytest.raises(DownloadError, match=r"neither manifest\.json nor SHA256SUMS.*sha256sum > SHA256SUMS"):
        offers(f"{web.url}/FFHQ-UV/", PARTS)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("dataset/../../x.zip", "refuses the path"),
        ("/etc/dataset/x.zip", None),
        ("dataset/C:/x", None),
        ("C:/dataset/x", None),
        ("dataset/a\\..\\b", "refuses the path"),
        ("dataset/\u0000", "refuses the path"),
        ("dataset/.fetched", "refuses the path"),
        ("dataset/.x/y", "refuses the path"),
        ("dataset//etc", None),
    ],
)
def test_no_listed_path_leaves_the_archives(tmp_path: Path, path: str, message: str | None) -> None:
    (tmp_path / "list.json").write_text(json.dumps([{"path": path, "url": "http://127.0.0.1:9/x"}]))
    if message:
        with pytest.raises(DownloadError, match=message):
            offers(str(tmp_path / "list.json"), PARTS)
    else:
        (found,) = offers(str(tmp_path / "list.json"), PARTS)
        assert (tmp_path / "root" / found.path).resolve().is_relative_to(tmp_path / "root")
        assert found.path.startswith("dataset/")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([MAPS, MAPS.upper().replace("DATASET", "dataset")], "lists both"),
        ([MAPS, f"{MAPS}/000.png"], "as a file and as a folder"),
    ],
)
def test_paths_that_collide_are_refused(tmp_path: Path, rows: list[str], message: str) -> None:
    (tmp_path / "list.txt").write_text("\n".join(rows))
    with pytest.raises(DownloadError, match=message):
        offers(str(tmp_path / "list.txt"), PARTS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "["),
        ("a.json", "[" * 100_000),
        ("a.json", '[{"bytes": 3}]'),
        ("a.json", '[{"path": "dataset/x", "bytes": "many"}]'),
        ("a.json", '[{"path": "dataset/x", "sha256": "short"}]'),
        ("a.json", '{"files": 3}'),
        ("a.csv", "bytes\n3\n"),
        ("a.txt", "dataset/x 3 4 5"),
    ],
)
def test_a_damaged_list_is_named(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DownloadError, match=rf"{name}: "):
        offers(str(tmp_path / name), PARTS)


def test_a_list_from_the_web_may_not_point_at_this_machine(web: Web) -> None:
    for url in ("file:///etc/passwd", "s3://bucket/x"):
        web.files["/list.json"] = json.dumps([{"path": "dataset/x", "url": url}]).encode()
        with pytest.raises(DownloadError, match="files of the web only"):
            offers(f"{web.url}/list.json", PARTS)


def test_a_scheme_whose_package_is_missing_or_unknown_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    with pytest.raises(DownloadError, match=r"s3a://b/c: .*s3fs.*; pip install -e '\.\[s3\]'"):
        offers("s3a://b/c", PARTS)
    monkeypatch.setitem(sys.modules, "webdav4.fsspec", None)
    with pytest.raises(DownloadError, match=r"pip install -e '\.\[webdav\]'"):
        offers("webdav+https://b/c", PARTS)
    with pytest.raises(DownloadError, match="nowhere://x"):
        offers("nowhere://x", PARTS)


@pytest.mark.slow
def test_a_bucket_is_listed_fetched_and_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real S3 server of this machine."""
    moto = pytest.importorskip("moto.server", reason="moto is not installed")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for key, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            *(("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_DEFAULT_REGION", "us-east-1")),
        ):
            monkeypatch.setenv(key, value)
        import s3fs

        bucket = s3fs.S3FileSystem(skip_instance_cache=True)
        bucket.mkdir("archives")
        content = bytes(range(256)) * 20_000
        bucket.pipe(f"archives/FFHQ-UV/{MAPS}", content)
        bucket.pipe(f"archives/FFHQ-UV/{ASSETS}", b"assets")
        found = offers("s3://archives/FFHQ-UV/", PARTS)
        assert [(offer.path, offer.bytes) for offer in found] == [(MAPS, len(content)), (ASSETS, 6)]

        class Stop(Exception):
            pass

        def stop(count: int, seen: list[int] = [0]) -> None:  # noqa: B006
            seen[0] += count
            if seen[0] > 3_000_000:
                raise Stop

        with pytest.raises(Stop):
            fetch(found[:1], tmp_path, progress=stop)
        assert (tmp_path / MAPS).with_name(".000.zip.part").stat().st_size >= 3_000_000
        told: list[int] = []
        fetch(found, tmp_path, parallel=1, progress=told.append)
        assert told[0] >= 2_000_000  # gone on with
        assert (tmp_path / MAPS).read_bytes() == content
        assert (tmp_path / ASSETS).read_bytes() == b"assets"
        bucket.pipe(f"archives/FFHQ-UV/{MAPS}", content[::-1])
        fetch(offers("s3://archives/FFHQ-UV", PARTS), tmp_path)
        assert (tmp_path / MAPS).read_bytes() == content[::-1]
        with pytest.raises(DownloadError, match="nothing in it"):
            offers("s3://archives/none", PARTS)
    finally:
        server.stop()


def test_a_list_names_files_of_its_own_host_or_of_trusted_ones(web: Web) -> None:
    web.files["/list.txt"] = b"https://elsewhere.org:8443/dataset/a.zip\n"
    with pytest.raises(DownloadError, match=r"its own host, or of those that you trust: source\.hosts=\[elsewhere.org"):
        look(f"{web.url}/list.txt", PARTS)
    listing = look(f"{web.url}/list.txt", PARTS, hosts=["elsewhere.org:8443"])
    assert [offer.url for offer in listing.offers] == ["https://elsewhere.org:8443/dataset/a.zip"]


def test_a_list_is_asked_for_as_often_as_configured(web: Web) -> None:
    web.files["/list.txt"] = b"dataset/a.zip\n"
    web.trouble["/list.txt"] = [503, 503]
    with pytest.raises(DownloadError, match="gave up after 2 tries"):
        look(f"{web.url}/list.txt", PARTS, tries=2)
    web.trouble["/list.txt"] = [503, 503]
    assert look(f"{web.url}/list.txt", PARTS, tries=3).offers
