"""Fetching files into a folder that outlives the run: what is complete stays, what was begun is gone on with."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ffhq_uv.download.offer import Offer
from ffhq_uv.download.patience import TRIES, patiently
from ffhq_uv.download.streams import DownloadError, Interrupted, changed, current, stream
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.secrecy import without_secrets

JOURNAL = ".fetched"
"""The file in the folder that says which files are complete, a line of JSON each."""
PART, NOTE = ".part", ".note"
"""Endings of what a hidden file beside the target holds: its first bytes, and the URL and validator that they have."""

ASKED = 1000
"""Files whose size is asked for one by one, at most, to say what is to come."""


@dataclass(frozen=True)
class Fetched:
    """A complete file: its path, URL (without credentials), validator, size, SHA-256, time of its last change (ns)."""

    path: str
    url: str
    validator: str | None
    bytes: int
    sha256: str
    mtime_ns: int


def fetch(
    offers: list[Offer],
    folder: Path,
    parallel: int = 4,
    tries: int = TRIES,
    progress: Callable[[int], object] = lambda count: None,
    *,
    verify: bool = False,
) -> dict[str, Fetched]:
    """Bring every offered file to its path below ``folder``; by path, what came.

    A file gets its name only when it has its size and, where one is given, its SHA-256. One that is there already is
    kept if it is what is offered: by its checksum, else if its place still gives it the same validator. ``progress``
    is told of bytes, from several threads; what was there counts, and less than nothing where a file starts again.
    ``verify`` reads what is kept: it may have its size and time, and other bytes.

    Raises DownloadError for the first file that cannot be had, or where the disk is too small; OSError where writing
    fails; RuntimeError if another run uses the folder. All that came until then is kept for the next run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder), _Journal(folder / JOURNAL) as journal:
        _check_space(offers, folder)
        stop = threading.Event()
        transfers = [_Transfer(offer, folder / offer.path, journal, stop, progress, verify) for offer in offers]
        with ThreadPoolExecutor(parallel) as pool:
            running = [pool.submit(transfer.run, tries) for transfer in transfers]
            try:
                return {(fetched := future.result()).path: fetched for future in as_completed(running)}
            except BaseException:  # an interrupt from the keyboard, too
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise


def total(offers: list[Offer], parallel: int = 4) -> int | None:
    """Bytes of all files; None where one cannot be told. Sizes that are not listed are asked for, if they are few."""
    if sum(offer.bytes is None for offer in offers) > ASKED:
        return None

    def size(offer: Offer) -> int | None:
        with contextlib.suppress(Interrupted, DownloadError):
            return current(offer.url)[0] if offer.bytes is None else offer.bytes
        return None

    with ThreadPoolExecutor(parallel) as pool:
        sizes = list(pool.map(size, offers))
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


class _Transfer:
    """One file on its way."""

    def __init__(
        self,
        offer: Offer,
        target: Path,
        journal: _Journal,
        stop: threading.Event,
        progress: Callable[[int], object],
        verify: bool,
    ) -> None:
        self.verify = verify
        self.offer, self.target, self.journal, self.stop, self.progress = offer, target, journal, stop, progress
        self.part = target.with_name(f".{target.name}{PART}")
        self.note = target.with_name(f".{target.name}{NOTE}")
        self.told = 0

    def run(self, tries: int) -> Fetched:
        fetched = self.kept(tries) or patiently(self.attempt, self.offer.url, tries, self.here, self.stop.wait)
        self.tell(fetched.bytes)
        return fetched

    def kept(self, tries: int) -> Fetched | None:
        """What is there already, if it is what is offered."""
        entry, offer = self.journal.entries.get(self.offer.path), self.offer
        if entry is None:
            return None
        if _is(self.part, entry):  # the last run was ended before it could do this
            os.replace(self.part, self.target)
        if not _is(self.target, entry) or offer.bytes not in (None, entry.bytes):
            return None
        if self.verify and sha256_of(self.target) != entry.sha256:
            return None
        if offer.sha256 is not None:
            return entry if offer.sha256 == entry.sha256 else None
        same = entry.url == without_secrets(offer.url) and entry.validator is not None
        if not same:
            return None
        _, validator = patiently(lambda: current(offer.url), offer.url, tries, sleep=self.stop.wait)
        return entry if validator == entry.validator else None

    def attempt(self) -> Fetched:
        """Go on where the last attempt ended, or begin."""
        if self.stop.is_set():
            raise Interrupted("another file failed")
        self.target.parent.mkdir(parents=True, exist_ok=True)
        # The last byte is asked for again: asking for nothing, where all is here, is an error in HTTP.
        here = max(self.here() - 1, 0)
        try:
            with stream(self.offer.url, here, self.noted()) as opened:
                if None not in (opened.size, self.offer.bytes) and opened.size != self.offer.bytes:
                    raise DownloadError(
                        f"{self.offer.url}: has {opened.size} bytes, and {self.offer.bytes} are listed for it"
                    )
                size = self.offer.bytes if opened.size is None else opened.size
                if not opened.start:
                    self.discard()
                    self.note.write_text(json.dumps([without_secrets(self.offer.url), opened.validator]))
                digest = self.write(opened.start, opened.blocks, size)
        except Interrupted as error:
            if changed(error):
                self.discard()
            raise
        if size is not None and self.here() < size:
            raise Interrupted(f"it ended after {self.here()} of {size} bytes")
        if self.offer.sha256 not in (None, digest):
            self.discard()
            if opened.start:
                raise Interrupted("its SHA-256 is not the listed one")
            raise DownloadError(f"{self.offer.url}: its SHA-256 is {digest}, and {self.offer.sha256} is listed for it")
        state = self.part.stat()
        public = without_secrets(self.offer.url)
        fetched = Fetched(self.offer.path, public, opened.validator, state.st_size, digest, state.st_mtime_ns)
        self.journal.add(fetched)
        os.replace(self.part, self.target)
        self.note.unlink(missing_ok=True)
        return fetched

    def write(self, start: int, blocks: Iterator[bytes], size: int | None) -> str:
        """Append to what is here before ``start``; the SHA-256 of all of it. It is on the disk when this returns."""
        digest, at = hashlib.sha256(), start
        with _named(self.part), open(self.part, "r+b" if start else "wb") as file:
            for begin in range(0, start, 1 << 20):
                digest.update(file.read(min(1 << 20, start - begin)))
            file.truncate(start)
            self.tell(start)
            for block in blocks:
                if self.stop.is_set():
                    raise Interrupted("another file failed")
                at += len(block)
                if size is not None and at > size:
                    raise DownloadError(f"{self.offer.url}: sends more than the {size} bytes that it has")
                file.write(block)
                digest.update(block)
                self.tell(at)
            file.flush()
            os.fsync(file.fileno())
        return digest.hexdigest()

    def tell(self, count: int) -> None:
        self.progress(count - self.told)
        self.told = count

    def here(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def noted(self) -> str | None:
        """The validator of what is here; None if that came from elsewhere."""
        with contextlib.suppress(OSError, ValueError):
            url, validator = json.loads(self.note.read_text())
            return str(validator) if url == without_secrets(self.offer.url) and validator else None
        return None

    def discard(self) -> None:
        self.part.unlink(missing_ok=True)  # first: a note must never stand beside another file's bytes
        self.note.unlink(missing_ok=True)


class _Journal:
    """What is complete in a folder. A line is written before the file gets its name, and believed only if it fits
    it."""

    def __init__(self, path: Path) -> None:
        self.entries: dict[str, Fetched] = {}
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):  # the last one may be torn
                entry = Fetched(**json.loads(line))
                self.entries[entry.path] = entry
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text("".join(map(self._line, self.entries.values())))
        os.replace(partial, path)
        self._file = path.open("a")
        self._lock = threading.Lock()

    def add(self, entry: Fetched) -> None:
        with self._lock, _named(Path(self._file.name)):
            self._file.write(self._line(entry))
            self._file.flush()

    def _line(self, entry: Fetched) -> str:
        return json.dumps(asdict(entry)) + "\n"

    def __enter__(self) -> _Journal:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()


def _is(path: Path, entry: Fetched) -> bool:
    with contextlib.suppress(OSError):
        state = path.stat()
        return (state.st_size, state.st_mtime_ns) == (entry.bytes, entry.mtime_ns)
    return False


def _check_space(offers: list[Offer], folder: Path) -> None:
    missing = 0
    for offer in offers:
        paths = (folder / offer.path, (folder / offer.path).with_name(f".{Path(offer.path).name}{PART}"))
        here = max((path.stat().st_size for path in paths if path.exists()), default=0)
        missing += max((offer.bytes or 0) - here, 0)
    if missing > (free := shutil.disk_usage(folder).free):
        raise DownloadError(f"{folder}: {missing / 1e9:.1f} GB are to come, and {free / 1e9:.1f} GB are free")


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say where writing failed, and that nothing is lost."""
    try:
        yield
    except OSError as error:
        reason = f"{error.strerror} (what came so far is kept; make room and run again)"
        raise OSError(error.errno, reason, str(path)) from error


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{folder}: another run is fetching into it; wait for it or stop it") from None
        yield
