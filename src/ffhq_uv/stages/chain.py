"""chain: the checksums of the code that makes and measures faces; the stages that run it depend on this one file."""

from __future__ import annotations

from ffhq_uv.config import Config
from ffhq_uv.shards.code import code_of
from ffhq_uv.store import files


def run(config: Config) -> None:
    """Write data/chain.json: SHA-256 by path."""
    files.write_json(files.CHAIN, code_of("chain"))
