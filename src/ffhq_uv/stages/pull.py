"""pull: the published archives, from wherever they are -> data/archives, data/manifest.json."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path

from ffhq_uv.archive.manifest import differences, large_zips, manifest
from ffhq_uv.archive.notes import passed_over
from ffhq_uv.archive.unpacking import unpack_folders
from ffhq_uv.config import Config, ConfigError, PublishedSource, StudioSource
from ffhq_uv.download import Offer, fetch, is_local, total
from ffhq_uv.shards.progress import progress
from ffhq_uv.source.find import Found, asked_samples, find
from ffhq_uv.source.lock import enforce
from ffhq_uv.source.report import report
from ffhq_uv.store import files
from ffhq_uv.store.apart import check_apart, check_files_apart
from ffhq_uv.store.limits import limits


def run(config: Config) -> None:
    """Publish, link or fetch the source's archives, and list what came."""
    check_apart(config)
    found, size = _find(config)
    check_files_apart(offer.url for offer in found.offers)
    with files.replacing_directory(files.ARCHIVES) as archives:
        if isinstance(config.source, StudioSource):
            _publish(config.source, config.seed, archives)
            sums = {}
        elif config.pull.mode == "link":
            sums = _link(found.offers, archives)
        else:
            sums = _fetch(found.offers, size, config, archives)
        unpack_folders(archives, limits(config))
        came = manifest(archives, sums, limits(config))
        for path, directory in large_zips(archives, limits(config)):
            path.write_bytes(directory)
        stated: dict[str, object] = {"samples": came.samples, "files": [asdict(entry) for entry in came.files]}
        if isinstance(source := config.source, PublishedSource):
            if source.lock is not None:
                enforce(source.lock, came.files)
            print(*passed_over(came.passed_over), sep="\n", end="\n" if came.passed_over else "")
            asked = {"parts": source.parts, "samples": source.samples}
            stated = {"asked": asked, "revisions": found.revisions, "passed_over": came.passed_over} | stated
            if source.name == "ffhq_uv" and source.samples is None:
                stated = {"differences": (differ := differences(came.samples, asked_samples(source)))} | stated
                print(*differ or ["as many samples as published"], sep="\n")
        files.write_json(files.MANIFEST, stated)


def _find(config: Config) -> tuple[Found, int | None]:
    """What is to come, and its bytes; said before anything of it does."""
    if not isinstance(config.source, PublishedSource):
        return Found([]), None
    found = find(config.source, config.pull.tries)
    size = total(found.offers, config.pull.parallel)
    print(*report(found, size), sep="\n", flush=True)
    return found, size


def _publish(source: StudioSource, seed: int, archives: Path) -> None:
    from ffhq_uv.studio.publish import publish  # here: it takes torch, which nobody waits for who has archives

    with progress(source.people, "publish", "person") as bar:
        publish(
            archives,
            people=source.people,
            reference=source.reference,
            map_size=source.map_size,
            seed=seed,
            flow=source.flow,
            progress=lambda done: bar.update(done - bar.n),
        )


def _link(found: list[Offer], archives: Path) -> dict[str, str]:
    """Link to files of this machine. Their checksums are not known."""
    for offer in found:
        if not is_local(offer.url):
            raise ConfigError(f"pull.mode=link needs files of this machine, and {offer.url} is none; pull.mode=copy")
        (target := archives / offer.path).parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(offer.url.removeprefix("file://")).resolve())
    return {}


def _fetch(found: list[Offer], size: int | None, config: Config, archives: Path) -> dict[str, str]:
    """Fetch files to where they outlive this run (DVC deletes data/archives before the stage), and link them here."""
    folder = config.pull.downloads
    locked = isinstance(config.source, PublishedSource) and config.source.lock is not None
    with progress(size, "pull", "B") as bar:
        came = fetch(found, folder, config.pull.parallel, config.pull.tries, bar.update, verify=locked)
    for path in came:
        (target := archives / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(folder / path, target)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(folder / path, target)
    return {path: fetched.sha256 for path, fetched in came.items()}
