"""One file's bytes from an offset on, over HTTP or through fsspec, and the validator that tells whether it changed."""

from __future__ import annotations

import datetime
import email.utils
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
import requests
import urllib3
from tqdm import tqdm

from ffhq_uv.download.tokens import authorisation, remedy

BLOCK = 1 << 20
"""Bytes read at once."""
TIMEOUT = (20, 60)
"""Seconds to wait for a connection, and for the next bytes."""
LOWEST, PACED = 1000, 60.0
"""Bytes a second below which a transfer is as good as none, and the seconds over which that is measured."""
BUSY = {408, 425, 429, 500, 502, 503, 504}
"""HTTP answers after which trying again is worthwhile."""
_SESSIONS = threading.local()  # requests' sessions keep connections open, and are not made for several threads


_NO_URL = (
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidSchema,  # a redirect to file:///, too
    requests.exceptions.TooManyRedirects,
)
_redirected: set[tuple[str | None, str | None]] = set()


class DownloadError(RuntimeError):
    """A file cannot be had, or is not what it should be; trying again would not help.

    status  the web server's answer, where it refused the file
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Interrupted(Exception):
    """A transfer stopped early. ``after``: seconds to wait before going on, where the server said so."""

    def __init__(self, reason: str, after: float = 0) -> None:
        super().__init__(reason)
        self.after = after


@dataclass(frozen=True)
class Stream:
    """A file from ``start`` on.

    size       of the whole file, bytes, or None if the server does not say
    validator  a text that changes with the content (an ETag, a date, ...), or None: then nothing can be resumed
    """

    start: int
    size: int | None
    validator: str | None
    blocks: Iterator[bytes]


def is_http(url: str) -> bool:
    """Whether a URL is fetched by HTTP itself and not through fsspec."""
    return url.startswith(("http://", "https://"))


def stream(url: str, start: int, validator: str | None) -> Any:
    """A context manager that opens a file at ``start`` if its validator is still this one, else at 0; gives a `Stream`.

    Raises DownloadError where the file cannot be had, Interrupted (also while its blocks are read) where it may be
    later.
    """
    return _http(url, start, validator) if is_http(url) else _filesystem(url, start, validator)


def current(url: str) -> tuple[int | None, str | None]:
    """The size and the validator that a file has now, each None if its place does not tell. Raises as `stream`."""
    if not is_http(url):
        return _state(*open_filesystem(url))
    with _answer("HEAD", url, {}) as answer:
        return (_number(answer.headers.get("Content-Length")), _validator(answer)) if answer.ok else (None, None)


def read_text(url: str, most: int) -> str:
    """A small text file. Raises DownloadError if it is larger than ``most`` bytes or not UTF-8; else as `stream`."""
    content = b""
    with stream(url, 0, None) as opened:
        for block in opened.blocks:
            content += block
            if len(content) > most:
                raise DownloadError(f"{url}: refuses a list of more than {most} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DownloadError(f"{url}: not a text file") from None


@contextmanager
def _http(url: str, start: int, validator: str | None) -> Iterator[Stream]:
    # Without a validator nothing says that the rest belongs to what is here already. A server that ignores Range, or
    # whose file changed (If-Range), answers 200 and the whole file.
    headers = {"Range": f"bytes={start}-", "If-Range": validator} if start and validator else {}
    with _answer("GET", url, headers) as answer:
        if answer.status_code == 416:  # the file is shorter than what is here
            raise _Changed()
        if answer.status_code not in (200, 206):
            raise _refused(url, answer)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise DownloadError(f"{url}: the server packs what it sends ({answer.headers['Content-Encoding']})")
        size = _number(answer.headers.get("Content-Length"))
        at = 0
        if answer.status_code == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if not span or int(span[1]) != start or (_validator(answer) or validator) != validator:
                raise _Changed()
            at, size = start, _number(span[2])
        yield Stream(at, size, _validator(answer), _blocks(answer))


class _Changed(Interrupted):
    """What is here already is of no use."""

    def __init__(self) -> None:
        super().__init__("the file changed")


def changed(error: Interrupted) -> bool:
    """Whether a transfer has to start from the beginning."""
    return isinstance(error, _Changed)


@contextmanager
def _answer(method: str, url: str, headers: dict[str, str]) -> Iterator[requests.Response]:
    if not hasattr(_SESSIONS, "session"):
        _SESSIONS.session = requests.Session()
    headers = {"Accept-Encoding": "identity"} | authorisation(url) | headers
    try:
        answer = _SESSIONS.session.request(method, url, headers=headers, stream=True, timeout=TIMEOUT)
    except requests.RequestException as error:
        if isinstance(error, _NO_URL):
            raise DownloadError(f"{url}: {error}") from error
        raise Interrupted(brief(error)) from error
    with closing(answer):
        _tell_redirect(url, answer.url)
        yield answer


def _tell_redirect(asked: str, answered: str) -> None:
    """Say once who it is that sends the files of a host."""
    hosts = urlsplit(asked).hostname, urlsplit(answered).hostname
    if hosts[0] != hosts[1] and hosts not in _redirected:
        _redirected.add(hosts)
        tqdm.write(f"{hosts[0]} has its files sent by {hosts[1]}", file=sys.stderr)


def _refused(url: str, answer: requests.Response) -> Exception:
    if answer.status_code in BUSY:
        return Interrupted(f"HTTP {answer.status_code} {answer.reason}", seconds_of(answer.headers.get("Retry-After")))
    refused = f"{url}: HTTP {answer.status_code} {answer.reason}{remedy(url, answer.status_code)}"
    return DownloadError(refused, answer.status_code)


def _blocks(answer: requests.Response) -> Iterator[bytes]:
    began, came = time.monotonic(), 0
    try:
        while block := answer.raw.read1(BLOCK, decode_content=False):
            came += len(block)
            yield block
            if (took := time.monotonic() - began) > PACED:
                if came < LOWEST * took:
                    raise Interrupted(f"slower than {LOWEST} bytes a second: {came} in {took:.0f} s")
                began, came = time.monotonic(), 0
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise Interrupted(brief(error)) from error


def _validator(answer: requests.Response) -> str | None:
    """A strong ETag, else the date of the last change: what If-Range may be given."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,18}", text) else None


def seconds_of(after: str | None) -> float:
    """The seconds of a Retry-After header, which are a number or a date; at most ten minutes."""
    if (seconds := _number(after)) is None:
        try:
            date = email.utils.parsedate_to_datetime(after or "")
            seconds = int((date - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
        except (ValueError, TypeError):
            return 0
    return float(min(max(seconds, 0), 600))


@contextmanager
def _filesystem(url: str, start: int, validator: str | None) -> Iterator[Stream]:
    system, path = open_filesystem(url)
    size, now = _state(system, path)
    at = start if start and now is not None and now == validator and start <= (size or 0) else 0

    def blocks() -> Iterator[bytes]:
        with interruptible(url), system.open(path, "rb") as file:
            file.seek(at)
            while block := file.read(BLOCK):
                yield block
        if _state(system, path) != (size, now):
            raise _Changed()

    yield Stream(at, size, now, blocks())


def open_filesystem(url: str) -> tuple[Any, str]:
    """What fsspec opens a URL with, and the path there. Credentials and endpoints come from the environment, as each
    file system documents (``AWS_ENDPOINT_URL``, ``WEBDAV_USER``, ...), never from the configuration."""
    try:
        if webdav := re.fullmatch(r"webdav\+(https?://[^/]+)/?(.*)", url):
            # fsspec finds no server in such a URL, and webdav4 is told of one at its making.
            return fsspec.filesystem("webdav", base_url=webdav[1], auth=_login()), unquote(webdav[2])
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = url.partition("://")[0]
        extra = f"; pip install -e '.[{_EXTRAS[scheme]}]'" if scheme in _EXTRAS else ""
        raise DownloadError(f"{url}: {error}{extra}") from error
    except ValueError as error:
        raise DownloadError(f"{url}: {error}") from error
    return system, path


def _login() -> tuple[str, str] | None:
    """Who asks a WebDAV server: ``WEBDAV_USER`` and ``WEBDAV_PASSWORD``."""
    user = os.environ.get("WEBDAV_USER")
    return (user, os.environ.get("WEBDAV_PASSWORD", "")) if user else None


_EXTRAS = {"s3": "s3", "s3a": "s3", "webdav+http": "webdav", "webdav+https": "webdav"}
"""The extra of this project that installs what a scheme needs."""


def _state(system: Any, path: str) -> tuple[int | None, str | None]:
    """Size and validator of a file, asked anew."""
    with interruptible(path):
        system.invalidate_cache(system._parent(path))
        told = system.info(path)
    marks = [told[key] for key in ("ETag", "etag", "md5Hash", "mtime", "LastModified", "modified") if told.get(key)]
    return told.get("size"), f"{told.get('size')} {marks[0]}" if marks else None


@contextmanager
def interruptible(what: str) -> Iterator[None]:
    """Turns any file system's errors into ours: a file that is not there, or not for us, will not be in a minute
    either."""
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError) as error:
        raise DownloadError(f"{what}: {error.strerror or error}") from error
    except (Interrupted, DownloadError, GeneratorExit):
        raise
    except Exception as error:  # every file system has errors of its own
        raise Interrupted(brief(error)) from error


def brief(error: Exception) -> str:
    """An error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]
