"""On a real WebDAV server of this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ffhq_uv.download import DownloadError, fetch, look
from ffhq_uv.formats.published import PARTS

NAME = "dataset/ffhq-uv/uv-maps/000 (1).zip"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of a server that gives a folder to one user."""
    pytest.importorskip("webdav4", reason="the extra webdav is not installed")
    wsgidav = pytest.importorskip("wsgidav.wsgidav_app", reason="wsgidav is not installed")
    cheroot = pytest.importorskip("cheroot.wsgi", reason="cheroot is not installed")
    (tmp_path / "share/FFHQ-UV" / NAME).parent.mkdir(parents=True)
    (tmp_path / "share/FFHQ-UV" / NAME).write_bytes(bytes(range(256)) * 10_000)
    config = {
        "provider_mapping": {"/": str(tmp_path / "share")},
        "simple_dc": {"user_mapping": {"*": {"me": {"password": "secret"}}}},
        "verbose": 0,
        "logging": {"enable": False},
    }
    running = cheroot.Server(("127.0.0.1", 0), wsgidav.WsgiDAVApp(config))
    running.prepare()
    thread = threading.Thread(target=running.serve)
    thread.start()
    try:
        yield f"webdav+http://127.0.0.1:{running.bind_addr[1]}/FFHQ-UV"
    finally:
        running.stop()
        thread.join()


def test_a_folder_is_listed_and_fetched(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBDAV_USER", "me")
    monkeypatch.setenv("WEBDAV_PASSWORD", "secret")
    offers = look(server, PARTS).offers
    assert [(offer.path, offer.bytes) for offer in offers] == [(NAME, 2_560_000)]
    fetch(offers, tmp_path / "store")
    assert (tmp_path / "store" / NAME).read_bytes() == bytes(range(256)) * 10_000
    monkeypatch.setenv("WEBDAV_PASSWORD", "wrong")
    with pytest.raises(DownloadError, match="gave up after 1 tries"):
        look(server, PARTS, tries=1)
