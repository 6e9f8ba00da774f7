"""A web server on the loopback interface that behaves as badly as it is told to."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Web:
    """What the server serves, and how. ``asked`` is each request's method, path and Range.

    Trouble of a path comes once each, in order, before it is served well:
    a number           that many bytes are sent, then the connection is dropped
    "short"            half the bytes with a Content-Length of half: the server does not know better
    429, 503, 404 ...  an answer of that kind (with Retry-After: 0)
    bytes              the file's content is another from now on, in the middle of sending the old one
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    trouble: dict[str, list[int | str | bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """Where else a path is: 302 sends there."""
    ranges: bool = True
    validators: bool = True
    lengths: bool = True
    missing: int = 404
    pause: float = 0
    """Seconds between two blocks of 64 kB."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # the other side may be killed
            super().handle()

    def do_HEAD(self) -> None:
        self.serve(body=False)

    def do_GET(self) -> None:
        self.serve(body=True)

    def serve(self, body: bool) -> None:
        web, path = self.server.web, self.path
        web.asked.append((self.command, path, self.headers.get("Range")))
        if path in web.moved:
            self.send_response(302)
            self.send_header("Location", web.moved[path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        waiting = web.trouble.get(path, []) if body else []
        trouble = waiting.pop(0) if waiting else None
        if path not in web.files or (isinstance(trouble, int) and 400 <= trouble < 600):
            self.send_response(trouble if isinstance(trouble, int) else web.missing)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = web.files[path]
        tag = f'"{hash(content):x}"'
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if web.ranges and asked and self.headers.get("If-Range") in (None, tag):
            start = int(asked[1])
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        sent = content[start:]
        if trouble == "short":
            sent = sent[: len(sent) // 2]
        if web.validators:
            self.send_header("ETag", tag)
        if web.lengths:
            self.send_header("Content-Length", str(len(sent)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if isinstance(trouble, bytes):
            web.files[path] = trouble
            trouble = len(sent) // 2
        if isinstance(trouble, int):
            sent = sent[:trouble]
            self.close_connection = True
        for begin in range(0, len(sent) if body else 0, 1 << 16):
            self.wfile.write(sent[begin : begin + (1 << 16)])
            time.sleep(web.pause)
        if not web.lengths:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    web: Web
    daemon_threads = True


@contextmanager
def answering(server: ThreadingHTTPServer) -> Iterator[None]:
    """A thread that answers for a server, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def serving() -> Iterator[Web]:
    """A server on a free port, until the block ends."""
    server = Server(("127.0.0.1", 0), Handler)
    server.web = Web(f"http://127.0.0.1:{server.server_address[1]}")
    with answering(server):
        yield server.web


@pytest.fixture
def web() -> Iterator[Web]:
    """The server; it ends with the test."""
    with serving() as web:
        yield web


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits between attempts are a thousandth of what they are."""
    monkeypatch.setattr("ffhq_uv.download.patience.LONGEST", 0.01)
