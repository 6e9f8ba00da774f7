"""checkpoints: the checksums of the networks' files, and of FFHQ's own pictures, that a configuration reads; the next
stages depend on them.
"""

from __future__ import annotations

from ffhq_uv.checkpoints.watched import watched
from ffhq_uv.config import Config
from ffhq_uv.formats.checksum import sha256_below, sha256_of
from ffhq_uv.store import files


def run(config: Config) -> None:
    """Write data/checkpoints.json: SHA-256 by name of what is there; what is missing, the next stages say."""
    digests = {name: (sha256_below if path.is_dir() else sha256_of)(path) for name, path in watched(config).items()}
    files.write_json(files.CHECKPOINTS, digests)
