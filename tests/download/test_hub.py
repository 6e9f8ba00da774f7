"""Against an imitation of Hugging Face's hub: whole listings, one commit, a CDN that breaks off, tokens, refusals."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.download.hub import COMMIT, Hub, hub_serving

from ffhq_uv.download import DownloadError, Listing, fetch, look
from ffhq_uv.formats.published import PARTS

PLACE = "hf://datasets/csbhr/FFHQ-UV"
LARGE = random.Random(0).randbytes(3_000_000)
FILES = {
    "README.md": b"# FFHQ-UV",
    "FFHQ-UV/dataset/ffhq-uv/face-latents/000.zip": LARGE,
    "FFHQ-UV/dataset/ffhq-uv/meta-info.json": b"{}",
    "FFHQ-UV/dataset_project.tar.001": LARGE[:5000],
    "FFHQ-UV/dataset_project.tar.002": LARGE[5000:9000],
    "FFHQ-UV/topo_assets/hair mask #1.png": b"mask",
    "FFHQ-UV/topo_assets/x.rar": b"Rar!",
    "fitting_realy.zip": b"not ours",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    pytest.importorskip("huggingface_hub", reason="the extra hf is not installed")
    with hub_serving() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        for path, content in FILES.items():
            hub.put(path, content)
        yield hub


def listing(place: str = PLACE, revision: str | None = "main") -> Listing:
    return look(place, PARTS, None, revision, tries=3)


def test_what_is_published_is_found_at_any_depth_over_all_pages(hub: Hub) -> None:
    found = listing()
    assert found.revision == COMMIT
    assert {offer.path: offer.bytes for offer in found.offers} == {
        "dataset/ffhq-uv/face-latents/000.zip": 3_000_000,
        "dataset/ffhq-uv/meta-info.json": 2,
        "dataset_project.tar.001": 5000,
        "dataset_project.tar.002": 4000,
        "topo_assets/hair mask #1.png": 4,
    }
    sums = {offer.path: offer.sha256 for offer in found.offers}
    assert sums["dataset/ffhq-uv/face-latents/000.zip"] == hashlib.sha256(LARGE).hexdigest()
    assert sums["dataset/ffhq-uv/meta-info.json"] is None  # small files lie in git, without one
    assert all(COMMIT in offer.url for offer in found.offers)
    assert found.passed_over.keys() == {"README.md", "fitting_realy.zip", "FFHQ-UV/topo_assets/x.rar"}
    assert "unrar x" in found.passed_over["FFHQ-UV/topo_assets/x.rar"]


def test_files_come_from_the_cdn_and_are_gone_on_with_there(hub: Hub, tmp_path: Path) -> None:
    hub.cdn.trouble[f"/cdn/{hashlib.sha256(LARGE).hexdigest()}"] = [1_200_000, 503, 429]
    hub.trouble["/datasets/"] = [429, 503]
    came = fetch(listing().offers, tmp_path, parallel=2)
    for path, content in FILES.items():
        if (name := path.removeprefix("FFHQ-UV/")) in came:
            assert (tmp_path / name).read_bytes() == content
    assert len(came) == 5
    begun = [int(asked[2][6:-1]) for asked in hub.cdn.asked if asked[2]]
    assert begun[-1] >= 1_000_000
    before = len(hub.asked)
    fetch(listing().offers, tmp_path)
    later = {path for path, _ in hub.asked[before:] if "/resolve/" in path}
    assert all("000.zip" not in path and ".tar." not in path for path in later)  # known by their checksums


def test_a_busy_hub_is_asked_again(hub: Hub) -> None:
    hub.trouble["/api/datasets/csbhr/FFHQ-UV/tree"] = [503, 429]
    hub.trouble["/api/datasets/csbhr/FFHQ-UV/revision"] = [429]
    assert len(listing().offers) == 5


def test_a_gated_repository_takes_the_token_and_the_cdn_never_sees_it(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.token = "hf_secret"
    with pytest.raises(DownloadError, match=r"accept the terms at http\S+/datasets/csbhr/FFHQ-UV, and set HF_TOKEN"):
        listing()
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    offers = listing().offers
    fetch(offers, tmp_path)
    assert {said for path, said in hub.asked if "/resolve/" in path} == {"Bearer hf_secret"}
    assert "hf_secret" not in (tmp_path / ".fetched").read_text()
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(DownloadError, match=r"HTTP 401.*accept the terms"):
        fetch(offers, tmp_path / "again")


def test_a_file_that_is_not_the_listed_one_gets_no_name(hub: Hub, tmp_path: Path) -> None:
    hub.cdn.files[f"/cdn/{hashlib.sha256(LARGE).hexdigest()}"] = LARGE[::-1]
    with pytest.raises(DownloadError, match="its SHA-256 is"):
        fetch(listing().offers, tmp_path)
    assert not (tmp_path / "dataset/ffhq-uv/face-latents/000.zip").exists()


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("hf://datasets/csbhr/FFHQ-UV@old", "knows no revision old"),
        ("hf://datasets/csbhr/other", "no such repository, or it is private"),
        ("hf://datasets/csbhr", "expected hf://datasets/OWNER/NAME"),
        ("hf://datasets/csbhr/FFHQ-UV/FFHQ-UV/topo_assets/none", "holds nothing of"),
    ],
)
def test_what_is_not_there_is_one_line(hub: Hub, place: str, said: str) -> None:
    with pytest.raises(DownloadError, match=said) as caught:
        listing(place)
    assert "\n" not in str(caught.value)


def test_a_folder_and_a_revision_may_be_named(hub: Hub) -> None:
    found = look(f"{PLACE}@main/FFHQ-UV/topo_assets", PARTS, "topo_assets")
    assert [offer.path for offer in found.offers] == ["topo_assets/hair mask #1.png"]


def test_a_hub_that_is_not_there_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="gave up after 2 tries"):
        look(PLACE, PARTS, None, "main", tries=2)
