"""pull: the published archives, from wherever they are -> data/archives, data/manifest.json."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, replace
from fnmatch import fnmatch
from pathlib import Path

from ffhq_uv.archive.manifest import OLD_PARTS, PARTS, differences, large_zips, manifest
from ffhq_uv.config import Config, ConfigError, PublishedSource, StudioSource
from ffhq_uv.download import Offer, fetch, is_local, offers, total
from ffhq_uv.shards.progress import progress
from ffhq_uv.store import files
from ffhq_uv.store.apart import check_apart, check_files_apart
from ffhq_uv.store.limits import limits
from ffhq_uv.store.lock import enforce, read_lock
from ffhq_uv.studio.publish import publish

WHERE = """source.url is not set. FFHQ-UV is published on Baidu Netdisk, which needs its own program and an account; the
copy on OneDrive is no longer active since January 2026. So a person has to fetch it:

1. Open the link of Baidu Netdisk in the README of https://github.com/csbhr/FFHQ-UV; the extract code is 5wbi.
2. Download, from its folder FFHQ-UV/, into one folder and with these names (sizes are estimates from single files):
     dataset/ffhq-uv/uv-maps              65 GB  54,165 UV maps, in zips of 1,000 or in folders
     dataset/ffhq-uv/face-latents          6 GB  their codes, three views each
     dataset/ffhq-uv/meta-info.json       10 MB
     dataset_project/latents.zip           3 GB  69,620 codes of the people before: the row "FFHQ" of the table
     dataset_project/attributes.zip             their attributes
     topo_assets/                                the mesh and its masks
     checkpoints/                                the networks; `python -m ffhq_uv doctor experiment=ffhq_uv` says which
   Leave the zips as they are: they are read in place. The maps are optional: only pictures for people are made of them.
   dataset/ffhq-uv-interpolate (130 GB) is what this program makes anew; no stage reads it.
3. python -m ffhq_uv pull experiment=ffhq_uv source.url=/path/to/FFHQ-UV pull.mode=link

source.url may also be on a web server, a bucket (s3://, gs://), sftp:// or webdav+https://, or be a list of URLs;
source.dataset, source.dataset_project, source.topo_assets and source.checkpoints name other places for single parts."""


def run(config: Config) -> None:
    """Publish, link or fetch the source's archives, and list what came."""
    check_apart(config)
    found = _offers(config.source) if isinstance(config.source, PublishedSource) else []
    check_files_apart(offer.url for offer in found)
    with files.replacing_directory(files.ARCHIVES) as archives:
        if isinstance(config.source, StudioSource):
            _publish(config.source, config.seed, archives)
            sums = {}
        elif config.pull.mode == "link":
            sums = _link(found, archives)
        else:
            sums = _fetch(found, config, archives)
        came = manifest(archives, sums, limits(config))
        for path, directory in large_zips(archives, limits(config)):
            path.write_bytes(directory)
        stated = {"samples": came.samples, "files": [asdict(entry) for entry in came.files]}
        if isinstance(config.source, PublishedSource):
            if config.source.lock is not None:
                enforce(config.source.lock, came.files)
            if config.source.name == "ffhq_uv":
                stated = {"differences": differences(came.samples)} | stated
                print(*stated["differences"] or ["as many samples as published"], sep="\n")
        files.write_json(files.MANIFEST, stated)


def _publish(source: StudioSource, seed: int, archives: Path) -> None:
    with progress(source.people, "publish", "person") as bar:
        publish(
            archives,
            people=source.people,
            reference=source.reference,
            map_size=source.map_size,
            seed=seed,
            progress=lambda done: bar.update(done - bar.n),
        )


def _offers(source: PublishedSource) -> list[Offer]:
    """What the source's places offer; a part's own place goes before the tree's."""
    own = {part: place for part in PARTS if (place := getattr(source, part)) is not None}
    if source.url is None and not own:
        raise ConfigError(WHERE)
    found = [] if source.url is None else offers(source.url, [*PARTS, *OLD_PARTS])
    found = [offer for offer in found if offer.path.split("/")[0] not in own]
    found += [offer for part, place in own.items() for offer in offers(place, PARTS, part)]
    found = [offer for offer in found if not any(fnmatch(offer.path, pattern) for pattern in source.exclude)]
    locked = read_lock(source.lock) if source.lock is not None and source.lock.exists() else {}
    for offer in found:
        if offer.sha256 not in (None, locked.get(offer.path, offer.sha256)):
            raise RuntimeError(f"{source.lock}: {offer.path} has changed: {offer.url} is listed with another checksum")
    return [replace(offer, sha256=locked.get(offer.path, offer.sha256)) for offer in found]


def _link(found: list[Offer], archives: Path) -> dict[str, str]:
    """Link to files of this machine. Their checksums are not known."""
    for offer in found:
        if not is_local(offer.url):
            raise ConfigError(f"pull.mode=link needs files of this machine, and {offer.url} is none; pull.mode=copy")
        (target := archives / offer.path).parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(offer.url.removeprefix("file://")).resolve())
    return {}


def _fetch(found: list[Offer], config: Config, archives: Path) -> dict[str, str]:
    """Fetch files to where they outlive this run (DVC deletes data/archives before the stage), and link them here."""
    folder = config.pull.downloads
    with progress(total(found, config.pull.parallel), "pull", "B") as bar:
        came = fetch(found, folder, config.pull.parallel, config.pull.tries, bar.update)
    for path in came:
        (target := archives / path).parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(folder / path, target)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(folder / path, target)
    return {path: fetched.sha256 for path, fetched in came.items()}
