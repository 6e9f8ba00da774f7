"""Hugging Face's hub on the loopback interface: the part of its API that lists and sends a repository's files.

Files that are large enough for LFS are sent by another server (the CDN), to which the hub redirects; it honours ranges
and knows no token. Trouble is the CDN's, as `tests.download.conftest.Web` tells it, or the hub's own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from tests.download.conftest import Web, answering, serving

LARGE = 1000
"""Bytes from which on the hub stores a file elsewhere (its own bound is 10 MB)."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "csbhr/FFHQ-UV"


@dataclass
class Hub:
    """What the hub serves.

    token       who may read, if the repository is gated
    trouble     answers of the hub before it serves well, by the beginning of a path: (status, headers)
    asked       path and token of every request to the hub
    page        entries a page of a listing
    """

    url: str
    cdn: Web
    files: dict[str, bytes] = field(default_factory=dict)
    token: str | None = None
    trouble: dict[str, list[int]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    page: int = 3

    def put(self, path: str, content: bytes) -> None:
        """Publish a file."""
        self.files[path] = content
        self.cdn.files[f"/cdn/{hashlib.sha256(content).hexdigest()}"] = content


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.server.hub, unquote(urlsplit(self.path).path)
        said = self.headers.get("Authorization")
        hub.asked.append((path, said))
        waiting = next((answers for begin, answers in hub.trouble.items() if path.startswith(begin) and answers), None)
        if waiting:
            self.answer(waiting.pop(0), b"busy", {"Retry-After": "0"})
        elif f"/datasets/{NAME}" not in path:
            self.answer(401, b"Repository not found", {"X-Error-Code": "RepoNotFound"})
        elif hub.token and said != f"Bearer {hub.token}":
            self.answer(401, b"gated", {"X-Error-Code": "GatedRepo"})
        elif path == f"/api/datasets/{NAME}/revision/main":
            self.answer(200, json.dumps({"id": NAME, "sha": COMMIT, "siblings": []}).encode())
        elif path.startswith(f"/api/datasets/{NAME}/revision/"):
            self.answer(404, b"no such revision", {"X-Error-Code": "RevisionNotFound"})
        elif path.startswith(tree := f"/api/datasets/{NAME}/tree/{COMMIT}"):
            self.list(path.removeprefix(tree).strip("/"))
        elif path.startswith(file := f"/datasets/{NAME}/resolve/{COMMIT}/"):
            self.send(path.removeprefix(file))
        else:
            self.answer(404, b"not there", {"X-Error-Code": "EntryNotFound"})

    def list(self, folder: str) -> None:
        hub = self.server.hub
        entries = []
        for path, content in sorted(hub.files.items()):
            if folder and not path.startswith(f"{folder}/"):
                continue
            entry = {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
            if len(content) >= LARGE:
                entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 130}
            entries.append(entry)
        query = dict(pair.split("=") for pair in urlsplit(self.path).query.split("&") if pair)
        start = int(query.get("cursor", 0))
        more = start + hub.page < len(entries)
        link = f'<{hub.url}{urlsplit(self.path).path}?recursive=True&cursor={start + hub.page}>; rel="next"'
        self.answer(200, json.dumps(entries[start : start + hub.page]).encode(), {"Link": link} if more else {})

    def send(self, path: str) -> None:
        hub = self.server.hub
        if path not in hub.files:
            self.answer(404, b"not there", {"X-Error-Code": "EntryNotFound"})
        elif len(content := hub.files[path]) < LARGE:
            self.answer(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"'})
        else:
            digest = hashlib.sha256(content).hexdigest()
            self.answer(302, b"", {"Location": f"{hub.cdn.url}/cdn/{digest}", "X-Linked-Etag": f'"{digest}"'})

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


class Server(ThreadingHTTPServer):
    hub: Hub
    daemon_threads = True


@contextmanager
def hub_serving() -> Iterator[Hub]:
    """A hub and its CDN on free ports, until the block ends; ``HF_ENDPOINT`` should be its URL."""
    server = Server(("127.0.0.1", 0), Handler)
    with serving() as cdn:
        server.hub = Hub(f"http://127.0.0.1:{server.server_address[1]}", cdn)
        with answering(server):
            yield server.hub
