"""checkpoints: the checksums of the networks' files that a configuration uses; the next stages depend on them."""

from __future__ import annotations

from ffhq_uv.checkpoints.watched import watched
from ffhq_uv.config import Config
from ffhq_uv.formats.checksum import sha256_of
from ffhq_uv.store import files


def run(config: Config) -> None:
    """Write data/checkpoints.json: SHA-256 by name of those that are there; what is missing, the next stages say."""
    files.write_json(files.CHECKPOINTS, {name: sha256_of(path) for name, path in watched(config).items()})
